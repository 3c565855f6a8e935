#include "persistence/src/event_remover.hpp"

#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/retention_rows.hpp"

#include <algorithm>
#include <optional>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::Sequence;
using engine::UserId;

/// What a user made of the event; nullopt: nothing.
Result<std::optional<StateRecord>> state_of(const Rows& rows, const std::string& key) {
  std::string row;
  const auto there = rows.get(Table::state, key, row);
  if (!there) return there.error();
  if (!*there) return std::optional<StateRecord>{};
  const auto record = decode_state(row);
  if (!record) return damaged("an event's state", key);
  return record;
}

}  // namespace

Result<bool> EventRemover::remove(const UserId& holder,
                                  const StoredEvent& event,
                                  std::size_t row_bytes) {
  if (!sequences_.insert(event.sequence).second) return false;
  const auto done = holder.is_nil() ? remove_broadcast(event) : remove_own(holder, event);
  if (!done) return done.error();
  auto& owner = owners_[holder];
  owner.horizon = std::max(owner.horizon, event.sequence);
  ++owner.removed;
  writer_.erase(Table::events, sequence_key(holder, event.sequence));
  writer_.erase(Table::ids, id_key(holder, event.id));
  if (!id_tells_age(event.id, event.created_at))
    writer_.erase(Table::meta, age_key(event.created_at, event.sequence, holder));
  removed_.push_back(
      {.holder = holder, .sequence = event.sequence, .bytes = stored_bytes(row_bytes)});
  bytes_ += removed_.back().bytes;
  return true;
}

Result<void> EventRemover::remove_own(const UserId& user, const StoredEvent& event) {
  const auto key = sequence_key(user, event.sequence);
  const auto record = state_of(rows_, key);
  if (!record) return record.error();
  auto& owner = owners_[user];
  const auto state = *record ? (*record)->state : initial_state(event);
  if (!state.deleted_at) {
    --owner.counts.at(state.status, event.severity);
    --kinds_[kind_key(user, event.category, event.action)];
  } else {
    writer_.erase(Table::meta, deletion_key(*state.deleted_at, event.sequence, user));
  }
  if (!*record) return {};
  // Whoever missed this change can't learn of it any more.
  owner.horizon = std::max(owner.horizon, (*record)->change);
  writer_.erase(Table::state, key);
  ++states_;
  return {};
}

Result<void> EventRemover::remove_broadcast(const StoredEvent& event) {
  --owners_[broadcasts_owner].counts.at(event.initial_status, event.severity);
  --kinds_[kind_key(broadcasts_owner, event.category, event.action)];
  const auto prefix = timed_key_from(mark_prefix, event.sequence);
  const auto marks = rows_.range(Table::meta, prefix, prefix, Direction::ascending);
  for (; marks->valid(); marks->next()) {
    if (auto removed = remove_mark(user_of_mark(marks->key()), event); !removed) return removed;
    writer_.erase(Table::meta, marks->key());
  }
  return marks->outcome();
}

/// The opposite of BatchApplier::affect.
Result<void> EventRemover::remove_mark(const UserId& user, const StoredEvent& event) {
  const auto key = sequence_key(user, event.sequence);
  const auto record = state_of(rows_, key);
  if (!record) return record.error();
  if (!*record) return damaged("a mark without a state", key);
  auto& owner = owners_[user];
  ++owner.counts.at(event.initial_status, event.severity);
  if ((*record)->state.deleted_at) {
    ++kinds_[kind_key(user, event.category, event.action)];
  } else {
    --owner.counts.at((*record)->state.status, event.severity);
  }
  owner.horizon = std::max(owner.horizon, (*record)->change);
  writer_.erase(Table::state, key);
  ++states_;
  return {};
}

std::vector<UserId> EventRemover::owners() const {
  std::vector<UserId> owners;
  owners.reserve(owners_.size());
  for (const auto& owner : owners_)
    owners.push_back(owner.first);
  return owners;
}

void EventRemover::finish() {
  std::string encoded;
  const auto add = [&](Table table, std::string_view key, const Counters& counters) {
    encoded.clear();
    append_counters(encoded, counters);
    writer_.add(table, key, encoded);
  };
  for (const auto& [user, owner] : owners_) {
    add(Table::counts, bytes_of(user), owner.counts);
    add(Table::counts, horizon_key(user), {.lanes = {}, .last = owner.horizon});
  }
  for (const auto& [key, count] : kinds_) {
    if (count == 0) continue;
    Counters counters;
    counters.lanes[kind_lane] = count;
    add(Table::kinds, key, counters);
  }
}

}  // namespace carillon::persistence
