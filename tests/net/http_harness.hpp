#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/net/server.hpp"
#include "carillon/net/shard_threads.hpp"
#include "tests/support/events.hpp"
#include "tests/support/scripted_store.hpp"
#include "tests/support/stream_socket.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace carillon::net {

/// One answer as a client reads it.
struct HttpAnswer {
  unsigned status = 0;
  std::string head;  ///< status line and headers
  std::string body;

  [[nodiscard]] std::string header(std::string_view name) const;
  /// A member of the JSON body by its path ("/details/0/field"), as JSON text.
  [[nodiscard]] std::string at(std::string_view path) const;
};

/// A client's end of one HTTP connection.
class HttpClient : public testing::StreamSocket {
 public:
  using StreamSocket::StreamSocket;

  HttpAnswer read_answer(bool has_body = true);
  HttpAnswer request(std::string_view method,
                     std::string_view target,
                     std::string_view body = {},
                     std::string_view headers = {});
  HttpAnswer get(std::string_view target, std::string_view headers = {}) {
    return request("GET", target, {}, headers);
  }

  /// A request as text; with a body it is JSON unless `headers` say otherwise.
  static std::string text_of(std::string_view method,
                             std::string_view target,
                             std::string_view body = {},
                             std::string_view headers = {});
};

/// A whole server on a free port of the loopback, with a store to script.
class HttpHarness {
 public:
  HttpHarness();
  explicit HttpHarness(ServerOptions options,
                       engine::Options engine_options = {},
                       engine::ShardIndex shards = 2);
  ~HttpHarness();
  HttpHarness(const HttpHarness&) = delete;
  HttpHarness& operator=(const HttpHarness&) = delete;

  [[nodiscard]] HttpClient client() const;
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] Server& server() { return *server_; }
  [[nodiscard]] engine::Broadcaster& broadcaster() { return *broadcaster_; }

  testing::ScriptedStore store;

 private:
  ShardThreads threads_;
  std::unique_ptr<engine::Broadcaster> broadcaster_;
  std::unique_ptr<Server> server_;
};

/// The least that an event must say.
std::string event_json(std::string_view description = "hello", std::string_view more = {});

}  // namespace carillon::net
