#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/engine/inbox.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/net/server_options.hpp"
#include "carillon/net/shard_threads.hpp"

#include <cstdint>
#include <memory>

namespace carillon::net {

/// The HTTP, WebSocket and SSE front end of one Broadcaster and one Inbox.
///
/// Role      One per process and listening address.
/// Threads   set_limits: any. create, drain, stop: one thread, not one of the shards'.
/// Lifetime  Threads, broadcaster and inbox outlive the server. Order of the end:
///           drain(), threads.stop(), broadcaster.stop(), the log's stop.
class Server {
 public:
  /// Binds and listens, then starts `threads`. Fails with io if the address
  /// can't be had; the message says which and why.
  [[nodiscard]] static engine::Result<std::unique_ptr<Server>> create(
      const ServerOptions& options,
      ShardThreads& threads,
      engine::Broadcaster& broadcaster,
      engine::Inbox& inbox);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The port that it listens on (the chosen one if options said 0).
  [[nodiscard]] std::uint16_t port() const noexcept;

  /// From now on these are in force; what is open above them stays. Any thread.
  void set_limits(const AdmissionLimits& limits);

  /// Stops accepting, refuses new requests with 503, answers what is in
  /// flight, says goodbye to subscribers. Returns when all connections are
  /// closed, at the latest after options.drain_timeout.
  void drain();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::net
