// The sweeps of Retention: looks at every event of a store, user by user, some at a time.
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/retention.hpp"
#include "persistence/src/retention_work.hpp"

#include <algorithm>
#include <cstring>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::UserId;

UserId owner_of(std::string_view key) noexcept {
  UserId owner;
  std::memcpy(owner.bytes.data(), key.data(), owner.bytes.size());
  return owner;
}

}  // namespace

Result<void> Retention::sweep(Work& work) {
  return record_.sweep == Sweep::states ? sweep_states(work) : sweep_events(work);
}

Result<void> Retention::sweep_events(Work& work) {
  auto& record = work.slice.record;
  const bool adopts = record.sweep == Sweep::events;
  const auto rows =
      work.rows.range(Table::events, {}, sequence_key(record.sweep_user, record.sweep_sequence),
                      Direction::ascending);
  for (std::size_t count = 0; rows->valid(); rows->next(), ++count) {
    const auto holder = owner_of(rows->key());
    if (!adopts && (!swept_ || swept_->user != holder)) {
      end_of_swept();
      // Its first events may have been in an earlier life's sweep.
      const bool whole = record.sweep_sequence == 0 || holder != record.sweep_user;
      swept_ = Swept{.user = holder, .events = 0, .whole = whole};
    }
    record.sweep_user = holder;
    record.sweep_sequence = sequence_of(rows->key());
    if (count > 0 && (count >= sweep_rows_max || work.is_over())) return {};
    if (adopts) {
      if (auto adopted = adopt_event(work, *rows); !adopted) return adopted;
    } else {
      ++swept_->events;
    }
  }
  if (auto read = rows->outcome(); !read) return read;
  end_of_swept();
  record.sweep_user = {};
  record.sweep_sequence = 0;
  if (adopts) {
    record.sweep = Sweep::states;
  } else {
    record.sweep = Sweep::none;
    record.counted_for = in_force_.events_per_user;
  }
  return {};
}

void Retention::end_of_swept() {
  if (!swept_) return;
  if (!swept_->whole || swept_->events > in_force_.events_per_user) waiting_.insert(swept_->user);
  swept_.reset();
}

/// An event that was committed before anybody counted.
Result<void> Retention::adopt_event(Work& work, const RowIterator& at) {
  auto& record = work.slice.record;
  const auto sequence = sequence_of(at.key());
  if (sequence >= record.adopt_below) return {};
  const auto event = decode_event(at.value(), sequence);
  if (!event) return damaged("an event", at.key());
  ++record.events;
  record.bytes += stored_bytes(at.value().size());
  auto found_by = milliseconds(event->created_at);
  if (id_tells_age(event->id, event->created_at)) {
    found_by = std::min(found_by, *time_of_id(event->id));
  } else {
    work.writer.put(Table::meta, age_key(event->created_at, sequence, owner_of(at.key())), {});
  }
  record.oldest_ms = std::min(record.oldest_ms, found_by);
  return {};
}

Result<void> Retention::sweep_states(Work& work) {
  auto& record = work.slice.record;
  const auto rows =
      work.rows.range(Table::state, {}, sequence_key(record.sweep_user, record.sweep_sequence),
                      Direction::ascending);
  for (std::size_t count = 0; rows->valid(); rows->next(), ++count) {
    record.sweep_user = owner_of(rows->key());
    record.sweep_sequence = sequence_of(rows->key());
    if (count > 0 && (count >= sweep_rows_max || work.is_over())) return {};
    if (auto adopted = adopt_state(work, *rows); !adopted) return adopted;
  }
  if (auto read = rows->outcome(); !read) return read;
  record.sweep = Sweep::none;
  record.sweep_user = {};
  record.sweep_sequence = 0;
  return {};
}

Result<void> Retention::adopt_state(Work& work, const RowIterator& at) {
  auto& record = work.slice.record;
  const auto user = owner_of(at.key());
  const auto sequence = sequence_of(at.key());
  std::string event;
  const auto own = work.rows.get(Table::events, at.key(), event);
  if (!own) return own.error();
  if (!*own) {
    work.writer.put(Table::meta, mark_key(sequence, user), {});
    return {};
  }
  const auto state = decode_state(at.value());
  if (!state) return damaged("an event's state", at.key());
  if (!state->state.deleted_at) return {};
  const auto key = deletion_key(*state->state.deleted_at, sequence, user);
  work.writer.put(Table::meta, key, {});
  record.oldest_deletion_us = std::min(record.oldest_deletion_us, parse_timed_key(key)->time);
  return {};
}

}  // namespace carillon::persistence
