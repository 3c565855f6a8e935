#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/net/server.hpp"
#include "carillon/net/shard_threads.hpp"
#include "tests/support/events.hpp"
#include "tests/support/scripted_store.hpp"
#include "tests/support/stream_socket.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::net {

/// One answer as a client reads it.
struct HttpAnswer {
  unsigned status = 0;
  std::string head;  ///< status line and headers
  std::string body;

  [[nodiscard]] std::string header(std::string_view name) const {
    std::string lines = head;
    for (auto& c : lines)
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    std::string wanted = "\r\n" + std::string{name} + ": ";
    for (auto& c : wanted)
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const auto found = lines.find(wanted);
    if (found == std::string::npos) return {};
    const auto begin = found + wanted.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  /// A member of the JSON body by its path ("/details/0/field"), as JSON text.
  [[nodiscard]] std::string at(std::string_view path) const {
    simdjson::dom::parser parser;
    simdjson::dom::element element;
    if (parser.parse(body).at_pointer(path).get(element) != simdjson::SUCCESS) return "(none)";
    std::string_view text;
    if (element.get_string().get(text) == simdjson::SUCCESS) return std::string{text};
    return simdjson::minify(element);
  }
};

/// A client's end of one HTTP connection.
class HttpClient : public testing::StreamSocket {
 public:
  using StreamSocket::StreamSocket;

  HttpAnswer read_answer(bool has_body = true) {
    HttpAnswer answer;
    answer.head = read_until("\r\n\r\n");
    answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
    const auto length = answer.header("Content-Length");
    if (has_body && !length.empty()) answer.body = read(std::stoul(length));
    return answer;
  }
  HttpAnswer request(std::string_view method,
                     std::string_view target,
                     std::string_view body = {},
                     std::string_view headers = {}) {
    send(text_of(method, target, body, headers));
    return read_answer(method != "HEAD");
  }
  HttpAnswer get(std::string_view target, std::string_view headers = {}) {
    return request("GET", target, {}, headers);
  }

  /// A request as text; with a body it is JSON unless `headers` say otherwise.
  static std::string text_of(std::string_view method,
                             std::string_view target,
                             std::string_view body = {},
                             std::string_view headers = {}) {
    std::string text{method};
    text += ' ';
    text += target;
    text += " HTTP/1.1\r\nHost: localhost\r\n";
    text += headers;
    if (!body.empty()) {
      if (headers.find("Content-Type:") == std::string_view::npos)
        text += "Content-Type: application/json\r\n";
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    text += "\r\n";
    text += body;
    return text;
  }
};

/// A whole server on a free port of the loopback, with a store to script.
class HttpHarness {
 public:
  explicit HttpHarness(ServerOptions options = {},
                       engine::Options engine_options = {},
                       engine::ShardIndex shards = 2)
      : threads_{shards} {
    engine_options.shards = threads_.shards();
    engine_options.waker = &threads_;
    broadcaster_ = *engine::Broadcaster::create(engine_options, &store);
    options.port = 0;
    if (options.local_user.is_nil()) options.local_user = testing::user(1);
    options.version = "test";
    auto server = Server::create(options, threads_, *broadcaster_, store);
    if (!server) throw std::runtime_error{server.error().text()};
    server_ = *std::move(server);
  }
  ~HttpHarness() {
    server_->drain();
    threads_.stop();
    broadcaster_->stop();
    store.stop();
  }
  HttpHarness(const HttpHarness&) = delete;
  HttpHarness& operator=(const HttpHarness&) = delete;

  [[nodiscard]] HttpClient client() const { return HttpClient{server_->port()}; }
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
inline std::string event_json(std::string_view description = "hello", std::string_view more = {}) {
  return R"({"category":"pattern","action":"deploy","severity":"success","description":")" +
         std::string{description} + "\"" + std::string{more} + "}";
}

}  // namespace carillon::net
