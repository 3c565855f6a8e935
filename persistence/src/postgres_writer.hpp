#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/log.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/postgres_batch.hpp"
#include "persistence/src/postgres_connection.hpp"
#include "persistence/src/postgres_retention.hpp"
#include "persistence/src/postgres_schema.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace carillon::persistence {

/// The one session that writes a database, and holds its lock.
///
/// Role      Inside a PostgresStore.
/// Threads   One at a time: the store's writer.
/// Order     As Store::commit.
/// Bound     One batch.
/// Progress  Blocks for the server. A connection that is lost is opened anew by
///           the next commit or slice of retention, once per call: the caller waits
///           between calls.
/// Lifetime  Nothing.
/// Invariant A commit is applied once: it writes its number, and only while the
///           number before it stands there and nobody else has opened the database
///           since. After an unknown outcome the number says what became of it; it
///           can't change any more, since the lock is free only when the server
///           has ended the lost session and its transaction.
class PostgresWriter {
 public:
  PostgresWriter(PostgresTarget target, engine::LogSink log, const RetentionOptions& retention)
      : target_{std::move(target)}, log_{std::move(log)}, retention_{retention} {}

  /// Connects, takes the lock, makes or checks the schema, begins a life.
  [[nodiscard]] engine::Result<PostgresMeta> open(engine::Sequence& last_broadcast);

  /// As Store::commit.
  [[nodiscard]] engine::Result<void> commit(std::span<const engine::LogEntry> batch);
  /// As Store::retain.
  [[nodiscard]] engine::Result<RetentionStep> retain(engine::Timestamp now,
                                                     std::chrono::microseconds budget);
  /// Its options and figures: any thread.
  [[nodiscard]] PostgresRetention& retention() noexcept { return retention_; }
  [[nodiscard]] const PostgresRetention& retention() const noexcept { return retention_; }

 private:
  [[nodiscard]] engine::Result<void> try_commit(std::span<const engine::LogEntry> batch);
  [[nodiscard]] engine::Result<void> connect();
  [[nodiscard]] engine::Result<void> prepare();
  [[nodiscard]] engine::Result<bool> reconnect();
  [[nodiscard]] engine::Result<bool> try_reconnect();
  [[nodiscard]] engine::Result<bool> check_same_life(const PostgresMeta& meta);
  [[nodiscard]] engine::Result<void> write(std::span<const engine::LogEntry> batch);
  [[nodiscard]] engine::Result<void> write_entries(PostgresBatch& batch);
  [[nodiscard]] engine::Result<void> finish(PostgresBatch& batch);
  void roll_back();
  [[nodiscard]] engine::Error end(engine::Errc code, std::string text);

  const PostgresTarget target_;
  const engine::LogSink log_;
  std::unique_ptr<PostgresConnection> connection_;  // null if it is lost
  std::int64_t life_ = 0;
  std::uint64_t commits_ = 0;  // number of the latest one applied
  engine::Sequence reserved_until_ = 0;
  engine::Sequence reserving_ = 0;      // what the commit in doubt reserves
  bool in_doubt_ = false;               // COMMIT was sent and not answered
  bool failed_ = false;                 // the latest commit: nothing is written before it
  std::optional<engine::Error> ended_;  // why this life can't write any more
  PostgresRetention retention_;
};

}  // namespace carillon::persistence
