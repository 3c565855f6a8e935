#pragma once

#include "carillon/engine/event_log.hpp"
#include "persistence/src/postgres_connection.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace carillon::persistence {

/// What one batch of log entries is in SQL, within a transaction that the caller
/// begins and ends.
///
/// Events are sent some hundreds at a time, so that the server inserts while the
/// next ones are encoded; a change follows the events before it, and sees them.
/// The events' counts are added up here and written once per row, by send_counts().
///
/// Threads   One; made for one batch.
class PostgresBatch {
 public:
  PostgresBatch(PostgresConnection& connection, std::span<const engine::LogEntry> entries) noexcept
      : connection_{connection}, entries_{entries} {}

  /// Makes the statements known; `statements` results must be taken for them.
  static void prepare(PostgresConnection& connection);
  static constexpr int prepared_statements = 5;

  void send_entries();
  /// Takes the results; fills Change::affected. After an error: drain.
  [[nodiscard]] engine::Result<void> take_entries();
  /// Whether an event was left out, because its owner has one with this id.
  [[nodiscard]] bool left_out_events() const noexcept { return inserted_ != events_; }
  /// Finds those: REQUIRES that all results were taken.
  [[nodiscard]] engine::Result<void> find_left_out();

  /// Sends one statement, or none: the number.
  [[nodiscard]] int send_counts();

  /// The highest sequence of the entries.
  [[nodiscard]] engine::Sequence last_sequence() const noexcept;

 private:
  struct Added {
    std::int64_t unread = 0;
    std::int64_t read = 0;
  };
  struct CountKey {
    engine::UserId user;
    engine::Severity severity;
    std::string_view category;  // of the event
    std::string_view action;
    friend auto operator<=>(const CountKey&, const CountKey&) = default;
  };
  struct Sent {
    engine::Change* change = nullptr;  // null: an INSERT of events
  };
  [[nodiscard]] bool is_left_out(const engine::EventView& event) const;

  PostgresConnection& connection_;
  std::span<const engine::LogEntry> entries_;
  std::vector<Sent> sent_;
  std::uint64_t events_ = 0;
  std::uint64_t inserted_ = 0;
  std::vector<engine::Sequence> left_out_;  // sorted
};

}  // namespace carillon::persistence
