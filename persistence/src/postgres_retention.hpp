#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/persistence/retention.hpp"
#include "persistence/src/postgres_batch.hpp"
#include "persistence/src/postgres_connection.hpp"
#include "persistence/src/postgres_removal.hpp"
#include "persistence/src/postgres_schema.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace carillon::persistence {

/// Decides which events of a PostgreSQL store are too old, too many or too large, and
/// removes them some at a time. What Retention is to stores that keep rows of bytes.
///
/// Role      Inside the PostgresWriter, beside its commits.
/// Threads   set_options, load: any. The rest: the writer's.
/// Order     Of each user the oldest events first, in the order of sequences; of all users
///           by time, exact to a second. Deleted events by the time of deletion.
/// Bound     A statement: statement_events_max removals, and as many as fitted into the time
///           that is left of the slice before. Memory: users_max counts and waiting users.
/// Progress  Waits for the server. Each slice sends at least one statement if it has work.
///
/// Invariant: events_ and bytes_ are what carillon.meta says. kept_ is exact: the writer is
///   told of every commit and removes itself; begin() forgets it when what the database has
///   is in doubt. Nothing that is kept lies before oldest_id_, oldest_aged_ or
///   oldest_deletion_. A user with more events than options allow is in waiting_, or the
///   sweep over carillon.counts has not come to it.
class PostgresRetention {
 public:
  explicit PostgresRetention(const RetentionOptions& options) : options_{options} {}

  void set_options(const RetentionOptions& options);
  [[nodiscard]] RetentionLoad load() const;

  /// Makes the statements known; `prepared_statements` results must be taken.
  static void prepare(PostgresConnection& connection);
  static constexpr int prepared_statements = 5 + PostgresRemoval::prepared_statements;

  /// The database was opened, or connected to anew.
  void begin(const PostgresMeta& meta);
  /// The batch was committed.
  void committed(std::span<const engine::LogEntry> entries, const PostgresBatch& batch);
  /// Removes for about `budget`. After an error: drain, roll back.
  [[nodiscard]] engine::Result<RetentionStep> slice(PostgresConnection& connection,
                                                    engine::Timestamp now,
                                                    std::chrono::microseconds budget);

 private:
  using Clock = std::chrono::steady_clock;

  /// How many things of a kind a statement takes, by what they took lately.
  struct Pace {
    double microseconds_each = 50;
    [[nodiscard]] std::uint64_t fitting(Clock::duration time) const noexcept;
    void took(Clock::duration time, std::uint64_t count) noexcept;
  };
  struct Slice {
    PostgresConnection& connection;
    engine::Timestamp now;
    Clock::time_point end;
    bool begun = false;  // some statement was sent

    [[nodiscard]] Clock::duration left() const { return end - Clock::now(); }
    /// Whether another statement may be sent.
    [[nodiscard]] bool may_go_on() const { return !begun || Clock::now() < end; }
  };
  /// An event that may have to leave because of its age.
  struct Place {
    engine::EventId id{};
    engine::UserId holder{};
    engine::Sequence sequence = 0;
    engine::Timestamp created_at{};
    std::uint64_t bytes = 0;
    std::uint64_t time_ms = 0;  // that it is found by
    bool by_id = false;
  };
  /// What of a user's events is among the oldest.
  struct Chosen {
    engine::Sequence end = 0;  // the last of them
    std::uint64_t events = 0;
  };

  static constexpr std::uint64_t statement_events_max = 1'024;
  static constexpr std::size_t users_max = std::size_t{1} << 17U;
  static constexpr std::size_t sweep_waiting_max = 4'096;

  // Statements of postgres_retention_time.cpp and postgres_retention_count.cpp.
  static void prepare_by_time(PostgresConnection& connection);
  static void prepare_by_count(PostgresConnection& connection);

  void take_options();
  [[nodiscard]] std::uint64_t bytes_over() const noexcept;
  [[nodiscard]] bool purge_is_due(engine::Timestamp now) const;
  [[nodiscard]] bool oldest_is_due(engine::Timestamp now) const;
  [[nodiscard]] bool surplus_is_due() const;
  [[nodiscard]] RetentionStep step(engine::Timestamp now) const;
  void publish();

  [[nodiscard]] engine::Result<void> purge(Slice& slice);
  [[nodiscard]] engine::Result<void> remove_oldest(Slice& slice);
  [[nodiscard]] engine::Result<std::vector<Place>> find_oldest(Slice& slice, std::uint64_t most);
  void go_on_from(const std::vector<Place>& places, std::size_t gone);
  [[nodiscard]] engine::Result<void> sweep(Slice& slice);
  [[nodiscard]] engine::Result<void> remove_surplus(Slice& slice);
  [[nodiscard]] engine::Result<void> count_waiting(Slice& slice);
  [[nodiscard]] engine::Result<std::uint64_t> remove(Slice& slice,
                                                     PostgresRemoval&& removal,
                                                     std::uint64_t most,
                                                     RemovalReason reason);
  void remember(const engine::UserId& user, std::uint64_t events);
  void wait_for_look(const engine::UserId& user);

  mutable std::mutex mutex_;  // over the next two
  RetentionOptions options_;
  RetentionLoad shown_;

  // The writer's.
  RetentionOptions in_force_;  // options_ as of the latest slice
  RetentionLoad load_;
  std::int64_t life_ = 0;
  Pace removing_;
  Pace counting_;

  engine::EventId oldest_id_{};
  engine::Timestamp oldest_aged_{};
  engine::Timestamp oldest_deletion_{};
  engine::Timestamp next_age_{};    // nothing is too old before
  engine::Timestamp next_purge_{};  // nothing is to be purged before
  bool exhausted_ = false;          // too large, but the walk found nothing: not until a commit

  std::unordered_map<engine::UserId, std::uint64_t> kept_;  // stored events; some users
  std::unordered_set<engine::UserId> waiting_;
  std::optional<engine::UserId> sweep_behind_;  // the last user that it has looked at
};

}  // namespace carillon::persistence
