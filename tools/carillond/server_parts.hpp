#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/net/server.hpp"
#include "carillon/net/shard_threads.hpp"
#include "carillon/persistence/inbox_reader.hpp"
#include "carillon/persistence/online_backup.hpp"
#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/store_readers.hpp"
#include "carillon/persistence/write_behind.hpp"
#include "tools/carillond/config.hpp"
#include "tools/carillond/logging.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace carillon::carillond {

/// The components of a running server, joined: store below write-behind below
/// engine below network.
///
/// Role      One per process.
/// Threads   One thread, not one of the shards'.
/// Lifetime  `logging` outlives it. Members are declared in the order in which
///           they are made; each uses only earlier ones, so they end in reverse.
class ServerParts {
 public:
  ServerParts(const Config& config, Logging& logging);

  /// Opens the store and listens. After a failure only destruction is allowed.
  [[nodiscard]] engine::Result<void> start();

  [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }

  /// From now on these are in force.
  void set_limits(const net::AdmissionLimits& limits) { server_->set_limits(limits); }

  void set_retention(const persistence::RetentionOptions& options) { log_->set_retention(options); }

  /// Stops accepting, answers what is in flight, says goodbye to subscribers.
  void drain();

  enum class Flushed : std::uint8_t {
    all,
    abandoned,  ///< events that were answered 202 could not be committed
    hung,       ///< a commit does not end: destruction would wait for it
  };
  /// Then commits what is left.
  [[nodiscard]] Flushed flush();

 private:
  [[nodiscard]] engine::Result<void> open_store();
  [[nodiscard]] engine::Result<void> start_engine();
  [[nodiscard]] engine::Result<void> start_network();

  const Config config_;
  Logging& logging_;

  std::unique_ptr<persistence::Store> store_;
  std::optional<persistence::StoreReaders> readers_;
  std::optional<persistence::OnlineBackup> backup_;
  std::optional<net::ShardThreads> threads_;
  std::optional<persistence::WriteBehind> log_;
  std::unique_ptr<engine::Broadcaster> broadcaster_;
  std::optional<persistence::InboxReader> inbox_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace carillon::carillond
