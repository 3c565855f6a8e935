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
  /// Whether an id that we made can be in the store already. That would fail the first
  /// attempt, so another one must not take it for granted.
  enum class Ids : std::uint8_t { trusted, checked };

  PostgresBatch(PostgresConnection& connection,
                std::span<const engine::LogEntry> entries,
                Ids ids) noexcept
      : connection_{connection}, entries_{entries}, ids_{ids} {}

  /// Makes the statements known; `prepared_statements` results must be taken.
  static void prepare(PostgresConnection& connection);
  static constexpr int prepared_statements = 5;

  void send();
  /// Takes the results; fills Change::affected. After an error: drain.
  [[nodiscard]] engine::Result<void> take();
  /// Corrects all sums where an event was left out because its owner has one
  /// with this id. REQUIRES a finished group; adds whole ones.
  [[nodiscard]] engine::Result<void> correct();

  /// Events that were sent, and their size as retention counts it; after correct() those
  /// that were inserted.
  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// Events that correct() found left out.
  [[nodiscard]] bool is_left_out(engine::Sequence event) const { return left_out_.contains(event); }

  /// The highest sequence of the entries.
  [[nodiscard]] engine::Sequence last_sequence() const noexcept;

 private:
  struct Sent {
    engine::Change* change = nullptr;  // null: an INSERT of events
  };
  void send_entries();
  void send_events(const char* statement, std::span<const engine::Event* const> events);
  [[nodiscard]] engine::Result<void> find_left_out();

  PostgresConnection& connection_;
  std::span<const engine::LogEntry> entries_;
  const Ids ids_;
  std::vector<Sent> sent_;
  bool counts_sent_ = false;
  std::uint64_t events_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t inserted_ = 0;
  std::unordered_set<engine::Sequence> left_out_;
};

}  // namespace carillon::persistence
