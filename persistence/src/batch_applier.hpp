#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/counters.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/rows.hpp"

#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace carillon::persistence {

/// What one change made of a user's events.
struct ChangedStates {
  struct Event {
    engine::Sequence event;
    engine::EventState state;
    bool broadcast = false;
  };
  engine::UserId user;
  std::vector<Event> states;
};

/// What became of a batch, beside the events in it.
struct AppliedChanges {
  std::unordered_set<engine::Sequence> skipped;  // events that were not taken
  std::vector<ChangedStates> states;             // in the order of the changes
  std::uint64_t events = 0;                      // that were taken
  std::uint64_t event_bytes = 0;                 // stored_bytes of those
  std::uint64_t oldest_ms = UINT64_MAX;          // the least time that one is found by
  std::uint64_t oldest_deletion_us = UINT64_MAX;
};

/// Turns one batch of log entries into row writes: what a commit means, for
/// every store that keeps rows.
///
/// Threads   One; made for one batch.
/// REQUIRES  `rows` shows what was already put to `writer`, if the batch holds a
///           change; additions need not be seen.
/// Order     Entries are applied one after the other; counters are added up and
///           written once per user, by finish().
class BatchApplier {
 public:
  BatchApplier(const Rows& rows, RowWriter& writer) noexcept : rows_{rows}, writer_{writer} {}

  [[nodiscard]] engine::Result<void> apply(const engine::LogEntry& entry);
  void finish();

  /// The highest sequence of the entries.
  [[nodiscard]] engine::Sequence last_sequence() const noexcept { return last_sequence_; }
  [[nodiscard]] const AppliedChanges& changes() const noexcept { return changes_; }

 private:
  [[nodiscard]] engine::Result<void> apply_event(const engine::Event& published);
  void make_findable(const engine::UserId& holder, const engine::EventView& event);
  [[nodiscard]] engine::Result<bool> is_known(const std::string& id);
  [[nodiscard]] engine::Result<void> apply_change(engine::Change& change);
  [[nodiscard]] engine::Result<void> affect_by_ids(engine::Change& change);
  [[nodiscard]] engine::Result<void> affect_by_filter(engine::Change& change);
  void affect(engine::Change& change, const InboxRow& row);
  void write_states(const engine::Change& change);
  [[nodiscard]] std::pmr::string in_memory(std::string_view text) {
    return std::pmr::string{text, &memory_};
  }

  const Rows& rows_;
  RowWriter& writer_;
  std::pmr::monotonic_buffer_resource memory_;  // of the next two: freed at once
  std::pmr::unordered_map<engine::UserId, Counters> counts_{&memory_};
  std::pmr::unordered_map<std::pmr::string, std::int64_t> kinds_{&memory_};
  std::unordered_set<std::string> ids_;           // of the batch's events, once one is asked for
  std::vector<const engine::Event*> not_in_ids_;  // events since, with ids of ours
  std::vector<ChangedStates::Event>
      new_states_;  // of the change under way: scans must not see its writes
  AppliedChanges changes_;
  engine::Sequence last_sequence_ = 0;
};

[[nodiscard]] inline bool holds_change(std::span<const engine::LogEntry> batch) noexcept {
  for (const auto& entry : batch)
    if (entry.change) return true;
  return false;
}

}  // namespace carillon::persistence
