#pragma once

#include "persistence/src/keys.hpp"
#include "persistence/src/retention.hpp"

#include <algorithm>
#include <memory>

namespace carillon::persistence {

/// What the steps of one slice share.
struct Retention::Work {
  Work(const Rows& from, RowWriter& to, engine::Timestamp at, const RetentionRecord& record)
      : rows{from}, writer{to}, now{at}, remover{from, to}, slice{.record = record} {}

  const Rows& rows;
  RowWriter& writer;
  const engine::Timestamp now;
  Clock::time_point until{};  // of the step under way
  EventRemover remover;
  RetentionSlice slice;
  std::unique_ptr<RowIterator> events{};  // of all owners

  /// The first event of the owner at or behind `from`; null if there is none.
  [[nodiscard]] RowIterator* first_event(const engine::UserId& owner, engine::Sequence from) {
    const auto key = sequence_key(owner, from);
    if (events == nullptr) {
      events = rows.range(Table::events, {}, key, Direction::ascending);
    } else {
      events->seek(key);
    }
    return next_event(owner);
  }
  /// Null if the one that `events` is at belongs to another owner.
  [[nodiscard]] RowIterator* next_event(const engine::UserId& owner) const {
    return events->valid() && events->key().starts_with(bytes_of(owner)) ? events.get() : nullptr;
  }
  [[nodiscard]] bool is_over() const {
    return remover.removed().size() >= slice_events_max || Clock::now() >= until;
  }
  void due_at(engine::Timestamp time) {
    auto& due = slice.step.due_at;
    due = due ? std::min(*due, time) : time;
  }
};

}  // namespace carillon::persistence
