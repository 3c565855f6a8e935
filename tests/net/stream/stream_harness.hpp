#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/engine/filter.hpp"
#include "carillon/net/server_options.hpp"
#include "net/src/stream_counters.hpp"
#include "tests/support/events.hpp"
#include "tests/support/manual_log.hpp"
#include "tests/support/sse_client.hpp"
#include "tests/support/websocket_client.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace carillon::net {

struct HarnessOptions {
  engine::ShardIndex shards = 1;
  ServerOptions server = {};
  testing::ManualLog* log = nullptr;  ///< what it did not commit is abandoned at the end
};

/// Whom a connection's stream is for, as the HTTP front end would have found out.
struct StreamSpec {
  enum class Kind { websocket, sse };

  Kind kind = Kind::sse;
  engine::UserId user;
  engine::Filter filter;
  bool service = true;
};

/// Hubs on the server's own shard threads, over a real broadcaster, without the
/// HTTP front end: the test accepts each connection itself and hands it over.
class StreamHarness {
 public:
  StreamHarness();
  explicit StreamHarness(const HarnessOptions& options);
  ~StreamHarness();
  StreamHarness(const StreamHarness&) = delete;
  StreamHarness& operator=(const StreamHarness&) = delete;

  void stop();

  [[nodiscard]] engine::Broadcaster& broadcaster();
  [[nodiscard]] std::uint64_t sessions_of(engine::ShardIndex shard) const;
  /// Runs on the shard's thread, behind what is posted there already.
  void on_shard(engine::ShardIndex shard, std::function<void()> task);
  /// Runs `work` on the user's shard and waits for it.
  void on_shard(const engine::UserId& user, std::function<void()> work);
  /// Has all hubs say goodbye; does not wait.
  void drain();
  /// Has the hub of the user's shard say goodbye, and waits until it has begun to;
  /// `done` is called on its thread when its sessions are gone.
  void drain(const engine::UserId& user, std::function<void()> done);
  [[nodiscard]] StreamCounters counters() const;
  [[nodiscard]] std::uint64_t closed(CloseReason reason) const;

  /// Connects, sends `request`, and gives the server's end to the hub that is to
  /// serve it.
  testing::StreamSocket connect(StreamSpec stream, std::string_view request, int receive_bytes = 0);

  /// A WebSocket whose handshake is done. With v1: its `welcome` is not read yet.
  testing::WebSocketClient websocket(const engine::UserId& user,
                                     std::string_view subprotocols = {},
                                     engine::Filter filter = {},
                                     int receive_bytes = 0);
  testing::SseClient sse(const engine::UserId& user,
                         engine::Filter filter = {},
                         int receive_bytes = 0);

  void publish(const engine::UserId& user, std::string_view description = "");

  /// Yields until `state()` holds; throws at the deadline.
  static void wait_for(const std::function<bool()>& state);

  [[nodiscard]] std::uint64_t subscriptions() const;

 private:
  struct Impl;  // keeps Asio out of the tests' files
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::net
