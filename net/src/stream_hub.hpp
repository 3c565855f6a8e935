#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/engine/filter.hpp"
#include "carillon/engine/ids.hpp"
#include "carillon/net/server_options.hpp"
#include "net/src/admission.hpp"
#include "net/src/asio.hpp"
#include "net/src/session_spread.hpp"
#include "net/src/stream_counters.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace carillon::net {

/// A request that becomes a stream of events.
struct StreamRequest {
  enum class Kind { websocket, sse };

  Kind kind = Kind::sse;
  /// As parsed; for a WebSocket one that refuse_upgrade() lets pass.
  http::request<http::string_body> request;
  std::string early_bytes;  ///< what was read behind the request
  engine::UserId user;
  engine::Filter filter;
  /// The caller has service rights: its publishes over `carillon.v1` may name
  /// another owner, a systemId, and everyone. True without authentication.
  bool service = true;
  AdmissionPass pass;  ///< of the connection; the session gives it back
  SessionShare share;  ///< of a session that was counted
};

/// The streaming sessions of one shard.
///
/// Role      One per shard; owns its sessions (those of its users, and guests), their deadlines,
/// and the bytes
///           that they share (each event encoded once per format and turn).
/// Threads   Everything: the shard's thread. sessions_approx(), counters(): any.
/// Lifetime  Destroyed after its io_context has stopped running, or on its
///           thread. Sessions that the engine still holds then are closed; they
///           never touch the hub again.
class StreamHub {
 public:
  StreamHub(asio::io_context& context,
            engine::Broadcaster& broadcaster,
            const ServerOptions& options,
            engine::ShardIndex shard,
            std::shared_ptr<Admission> admission);
  ~StreamHub();
  StreamHub(const StreamHub&) = delete;
  StreamHub& operator=(const StreamHub&) = delete;

  /// Takes a connection, already on this shard's context, and answers its
  /// request with a stream.
  void adopt(tcp::socket socket, StreamRequest request);

  /// After each turn of the shard: one write for each session that has
  /// something new, at once or, under load, up to options.flush_pause_max later.
  void flush();

  /// Says goodbye to every session (WebSocket 1001, SSE `goodbye`) with its
  /// cursor; `done` runs when all are closed, at the latest after the
  /// options' drain timeout.
  void drain(std::function<void()> done);

  [[nodiscard]] std::size_t sessions_approx() const noexcept;
  /// For metrics. Any thread; each figure is exact on its own.
  [[nodiscard]] StreamCounters counters() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::net
