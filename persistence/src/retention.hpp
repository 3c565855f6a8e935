#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/persistence/retention.hpp"
#include "persistence/src/batch_applier.hpp"
#include "persistence/src/event_remover.hpp"
#include "persistence/src/oldest_walk.hpp"
#include "persistence/src/retention_rows.hpp"
#include "persistence/src/rows.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace carillon::persistence {

/// One slice of retention: what it wrote, and what the store must remember of it.
struct RetentionSlice {
  RetentionRecord record;                        ///< to be written with the rows
  std::vector<EventRemover::Removed> removed{};  ///< for the columns
  std::size_t states = 0;                        ///< state rows that went too
  std::vector<engine::UserId> owners{};          ///< whose counts were touched
  RetentionStep step{};
  bool writes = false;  ///< there is something to write

  // For Retention::applied.
  std::array<std::uint64_t, removal_reason_count> by_reason{};
  std::unordered_map<engine::UserId, engine::Sequence> fronts{};
  std::vector<engine::UserId> done{};  // of those that waited
  std::chrono::milliseconds lag{0};
};

/// Decides which events of a store that keeps rows are too old, too many or too large,
/// and removes them a few at a time.
///
/// Role      One per store, beside its commits. How far it is stands in the rows
///           (RetentionRecord), so a restart goes on where the last life was.
/// Threads   set_options, load: any. The rest: the writer's.
/// Order     Of each user the oldest events first, in the order of sequences; of all
///           users by time, exact to a second. Far beyond the bound in bytes, and of what is too
///           old, several of a user leave together: all of them would leave before long.
///           Deleted events by the time of deletion.
/// Bound     A slice: its time, and slice_events_max removals; a broadcast with the marks
///           of many users is one. Memory: users_max counts and waiting users.
/// Progress  Each slice makes at least one step.
///
/// Invariant: record_ is what the latest commit or slice wrote. kept_ is exact: the
///   writer is told of every commit and removes itself. A user with more events than
///   options allow is in waiting_, or a sweep that will look at it is under way or due.
class Retention {
 public:
  explicit Retention(const RetentionOptions& options) : options_{options} {}
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  void set_options(const RetentionOptions& options);
  [[nodiscard]] RetentionLoad load() const;

  /// The store was opened, or opened anew after a failed write.
  [[nodiscard]] engine::Result<void> begin(const Rows& rows,
                                           std::uint64_t commits,
                                           engine::Sequence first_sequence);

  /// The record that a commit must write.
  [[nodiscard]] RetentionRecord after(std::span<const engine::LogEntry> batch,
                                      const AppliedChanges& changes,
                                      std::uint64_t commits) const;
  /// It did.
  void committed(const RetentionRecord& record,
                 std::span<const engine::LogEntry> batch,
                 const AppliedChanges& changes);

  /// Puts the removals of one slice into `writer`; reads from `rows` as they were before.
  [[nodiscard]] engine::Result<RetentionSlice> slice(const Rows& rows,
                                                     RowWriter& writer,
                                                     engine::Timestamp now,
                                                     std::chrono::microseconds budget);
  /// The same, as long as `too_much` says so: the oldest events of all users.
  using TooMuch = std::function<bool(const EventRemover&)>;
  [[nodiscard]] engine::Result<RetentionSlice> shrink(const Rows& rows,
                                                      RowWriter& writer,
                                                      const TooMuch& too_much);
  /// It was written.
  void applied(const RetentionSlice& slice);

  [[nodiscard]] std::uint64_t events() const noexcept { return record_.events; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return record_.bytes; }

 private:
  using Clock = std::chrono::steady_clock;
  using Sweep = RetentionRecord::Sweep;
  /// What the steps of one slice share.
  struct Work;

  static constexpr std::size_t slice_events_max = 1'024;
  static constexpr std::size_t sweep_rows_max = 8'192;
  static constexpr std::size_t users_max = std::size_t{1} << 17U;
  static constexpr std::size_t fronts_max = users_max;
  static constexpr std::size_t sweep_waiting_max = 4'096;
  static constexpr std::uint64_t ahead_max = 32'768;  // events; a look at each takes 10 ms in all

  [[nodiscard]] engine::Result<void> sweep(Work& work);
  [[nodiscard]] engine::Result<void> sweep_events(Work& work);
  [[nodiscard]] engine::Result<void> sweep_states(Work& work);
  [[nodiscard]] engine::Result<void> adopt_event(Work& work, const RowIterator& at);
  [[nodiscard]] engine::Result<void> adopt_state(Work& work, const RowIterator& at);
  void end_of_swept();

  [[nodiscard]] engine::Result<void> purge(Work& work);
  [[nodiscard]] engine::Result<void> remove_oldest(Work& work, const TooMuch& too_much);
  [[nodiscard]] engine::Result<void> remove_surplus(Work& work);
  [[nodiscard]] engine::Result<bool> count_user(Work& work, const engine::UserId& user);
  using Stays = std::function<bool(const StoredEvent&)>;
  [[nodiscard]] engine::Result<bool> remove_from(Work& work,
                                                 RowIterator* row,
                                                 const engine::UserId& holder,
                                                 const Stays& stays,
                                                 std::uint64_t count_max,
                                                 const TooMuch* too_much = nullptr);
  [[nodiscard]] engine::Result<engine::Timestamp> ahead_of(Work& work,
                                                           const OldestWalk::Place& place,
                                                           std::uint64_t now_ms);
  [[nodiscard]] engine::Sequence front_of(const Work& work, const engine::UserId& holder) const;
  void take_options();
  void wait_for_look(const engine::UserId& holder);
  [[nodiscard]] bool is_idle(engine::Timestamp now) const;
  [[nodiscard]] std::uint64_t bytes_over(std::uint64_t bytes) const noexcept;
  [[nodiscard]] RetentionSlice finish(Work& work);

  mutable std::mutex mutex_;  // over the next two
  RetentionOptions options_;
  RetentionLoad load_;

  // The writer's.
  RetentionOptions in_force_;  // options_ as of the latest slice or commit
  RetentionRecord record_;
  std::unordered_map<engine::UserId, std::uint64_t> kept_;  // stored events; some users
  std::unordered_set<engine::UserId> waiting_;
  std::unordered_map<engine::UserId, engine::Sequence> fronts_;  // nothing lies before; some users
  std::uint64_t ahead_ms_ = 0;  // events before this time leave user by user; see ahead_of()

  /// A user whose events are being counted, over several slices.
  struct Counting {
    engine::UserId user{};
    engine::Sequence next = 0;
    std::uint64_t events = 0;
  };
  std::optional<Counting> counting_;
  struct Swept {
    engine::UserId user{};
    std::uint64_t events = 0;
    bool whole = true;  // from its first event on
  };
  std::optional<Swept> swept_;
  engine::Timestamp next_due_{};  // by age or deletion; nothing is due before
};

}  // namespace carillon::persistence
