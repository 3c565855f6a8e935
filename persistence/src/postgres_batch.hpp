#pragma once

#include "carillon/engine/event_log.hpp"
#include "persistence/src/postgres_connection.hpp"

#include <cstdint>
#include <span>
#include <unordered_set>
#include <vector>

namespace carillon::persistence {

/// What one batch of log entries is in SQL, within a transaction that the caller
/// begins and ends.
///
/// Events are sent some hundreds at a time, so that the server inserts while the
/// next ones are encoded; a change follows the events before it, and sees them.
/// The events' counts are added up here, and written once per row, at the end.
///
/// Threads   One; made for one batch.
class PostgresBatch {
 public:
  PostgresBatch(PostgresConnection& connection, std::span<const engine::LogEntry> entries) noexcept
      : connection_{connection}, entries_{entries} {}

  /// Makes the statements known; `prepared_statements` results must be taken.
  static void prepare(PostgresConnection& connection);
  static constexpr int prepared_statements = 5;

  void send();
  /// Takes the results; fills Change::affected. After an error: drain.
  [[nodiscard]] engine::Result<void> take();
  /// Corrects the counts where an event was left out because its owner has one
  /// with this id. REQUIRES a finished group; adds whole ones.
  [[nodiscard]] engine::Result<void> correct();

  /// The highest sequence of the entries.
  [[nodiscard]] engine::Sequence last_sequence() const noexcept;

 private:
  struct Sent {
    engine::Change* change = nullptr;  // null: an INSERT of events
  };
  void send_entries();
  [[nodiscard]] engine::Result<std::unordered_set<engine::Sequence>> find_left_out();

  PostgresConnection& connection_;
  std::span<const engine::LogEntry> entries_;
  std::vector<Sent> sent_;
  bool counts_sent_ = false;
  std::uint64_t events_ = 0;
  std::uint64_t inserted_ = 0;
};

}  // namespace carillon::persistence
