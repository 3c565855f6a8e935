#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/engine/log.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/net/admission_limits.hpp"
#include "carillon/net/socket_options.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace carillon::net {

/// One figure for GET /metrics from outside of net and engine (the store).
struct MetricSample {
  std::string name;  ///< with its `carillon_` prefix and unit suffix
  std::string help;
  bool counter = false;  ///< else a gauge
  double value = 0;
  std::vector<std::pair<std::string, std::string>> labels{};  ///< name and value
};

/// The server's log level as operators see and change it while it runs.
struct LogLevelControl {
  std::function<std::string()> get;
  /// False for an unknown word.
  std::function<bool(const std::string&)> set;
  std::vector<std::string> available;
};

/// Makes a copy of the store in this directory (an absolute path) while it is served, and
/// calls `done` once, on any thread, with the copy's bytes. Called on a shard's thread,
/// so it must not wait. Errors are answered: invalid_argument with what is wrong with the
/// directory, locked while another copy is made, unsupported if this store is copied by
/// other means.
using BackupMaker = std::function<void(std::string directory,
                                       std::function<void(engine::Result<std::uint64_t>)> done)>;

/// Every bound of the network front end, with its unit, default and reason.
struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 9081;  ///< 0 picks a free one
  /// With host 127.0.0.1 listens on [::1] too, if it can be had: clients to whom
  /// `localhost` is ::1 first and last (Node.js 18) would else be refused.
  bool both_loopbacks = true;

  /// The caller of a request that names nobody (auth = "none").
  engine::UserId local_user;
  std::string version;  ///< for the `Server` header

  /// 201, or 200 for a Meshery server that uses this one as its provider.
  unsigned publish_status = 201;

  std::size_t event_bytes_max = std::size_t{256} * 1024;  ///< body of a publish
  std::size_t header_bytes_max = std::size_t{16} * 1024;  ///< request line and fields
  /// Any other body (batches as an array, bulk actions).
  std::size_t body_bytes_max = std::size_t{1024} * 1024;
  /// In one batch: an array is read and published in one go on the shard's thread; of a
  /// stream of lines so many are read and not answered yet.
  std::size_t batch_events_max = 10'000;
  std::size_t pipelined_requests_max = 128;  ///< in flight on one connection
  std::size_t session_backlog_bytes_max = std::size_t{1024} * 1024;
  /// Sessions of one user that its own shard serves; further ones are spread over all
  /// shards, for one hand-over per event and shard. To write to so many takes 1.5 ms,
  /// and the hand-over 20 us, so that it hardly costs and soon pays. 0: never.
  std::uint32_t home_sessions_max = 512;
  std::size_t websocket_message_bytes_max = std::size_t{512} * 1024;  ///< from a client

  /// From the accept to the end of the first request's header. Shorter than what
  /// follows: who comes to ask has something to ask, and a flood of silent
  /// connections must not hold descriptors for as long as a keep-alive may.
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds request_timeout{30'000};     ///< first to last byte of a request
  std::chrono::milliseconds idle_timeout{75'000};        ///< keep-alive without a request
  std::chrono::milliseconds write_timeout{30'000};       ///< a client that reads nothing
  std::chrono::milliseconds keepalive_interval{15'000};  ///< SSE comment
  std::chrono::milliseconds ping_interval{30'000};       ///< WebSocket; two unanswered end it
  std::chrono::milliseconds close_timeout{5'000};        ///< WebSocket closing handshake
  std::chrono::milliseconds drain_timeout{10'000};       ///< goodbye to everybody
  std::chrono::milliseconds sse_retry{2'000};            ///< `retry:` told to SSE clients
  /// Under load the sessions of a shard are written to at most half of the time, so that
  /// each write carries more: a pause as long as the writes before it took, and at
  /// most this. 4 ms is what writing to 1,000 sessions takes. 0: none.
  std::chrono::milliseconds flush_pause_max{4};

  AdmissionLimits limits;
  SocketOptions sockets;

  LogLevelControl log_level;
  BackupMaker backup;  ///< empty: there is no such thing
  std::function<void(std::vector<MetricSample>&)> more_metrics;
  engine::LogSink log;
};

}  // namespace carillon::net
