#include "persistence/src/batch_applier.hpp"

#include "persistence/src/assert.hpp"
#include "persistence/src/holder.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/retention_rows.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Audience;
using engine::Change;
using engine::EventView;
using engine::Result;

/// Whose rows hold the event: a broadcast belongs to nobody.
bool reaches(const Change& change, const InboxRow& row) {
  if (change.up_to) {
    const auto end = row.broadcast() ? change.up_to->broadcast : change.up_to->user;
    if (row.event.sequence > end) return false;
  }
  return change.filter->matches(row.event, row.state.status);
}

}  // namespace

Result<void> BatchApplier::apply(const engine::LogEntry& entry) {
  last_sequence_ = std::max(last_sequence_, entry.sequence);
  if (entry.change) return apply_change(*entry.change);
  return apply_event(*entry.event);
}

Result<void> BatchApplier::apply_event(const engine::Event& published) {
  const auto& event = published.view();
  const auto& holder = holder_of(event);
  CARILLON_STORE_ASSERT(event.sequence != 0, "an event is sequenced before it is logged");
  CARILLON_STORE_ASSERT(event.audience == Audience::everyone || !holder.is_nil(),
                        "a user's event has an owner; the nil user's are the broadcasts");
  auto& counters = counts_[holder];
  counters.last = std::max(counters.last, event.sequence);

  const auto id = id_key(holder, event.id);
  if (published.id_from_publisher()) {
    const auto known = is_known(id);
    if (!known) return known.error();
    if (*known) {
      changes_.skipped.insert(event.sequence);
      return {};
    }
  } else {
    not_in_ids_.push_back(&published);
  }
  std::string place;
  put_fixed<8>(place, event.sequence);
  writer_.put(Table::ids, id, place);
  const auto row = encode_event(event);
  writer_.put(Table::events, sequence_key(holder, event.sequence), row);
  make_findable(holder, event);
  ++changes_.events;
  changes_.event_bytes += stored_bytes(row.size());
  ++counters.at(event.initial_status, event.severity);
  ++kinds_[in_memory(kind_key(holder, event.category, event.action))];
  return {};
}

/// For retention, which finds events by their age.
void BatchApplier::make_findable(const engine::UserId& holder, const EventView& event) {
  auto found_by = milliseconds(event.created_at);
  if (id_tells_age(event.id, event.created_at)) {
    found_by = std::min(found_by, *time_of_id(event.id));
  } else {
    writer_.put(Table::meta, age_key(event.created_at, event.sequence, holder), {});
  }
  changes_.oldest_ms = std::min(changes_.oldest_ms, found_by);
}

// The engine publishes no id of one owner twice. Should it ever, the first event
// stands: two rows under one id could not both be found again. An id of ours is new,
// but a publisher may have heard it live and send it back before it is committed.
Result<bool> BatchApplier::is_known(const std::string& id) {
  for (const auto* event : not_in_ids_)
    ids_.insert(id_key(holder_of(event->view()), event->id()));
  not_in_ids_.clear();
  std::string ignored;
  const auto known = rows_.get(Table::ids, id, ignored);
  if (!known) return known.error();
  return *known || !ids_.insert(id).second;
}

Result<void> BatchApplier::apply_change(Change& change) {
  change.affected.clear();              // a commit that is tried again starts anew
  if (change.user.is_nil()) return {};  // nobody's inbox
  auto& counters = counts_[change.user];
  counters.last = std::max(counters.last, change.sequence);
  Result<void> done;
  if (!change.ids.empty()) {
    done = affect_by_ids(change);
  } else if (change.filter) {
    done = affect_by_filter(change);
  }
  if (done) write_states(change);
  return done;
}

Result<void> BatchApplier::affect_by_ids(Change& change) {
  std::unordered_set<engine::EventId> seen;
  for (const auto& id : change.ids) {
    if (!seen.insert(id).second) continue;
    const auto found = find_in_inbox(rows_, change.user, id);
    if (!found) return found.error();
    if (*found) affect(change, (*found)->row);
  }
  return {};
}

Result<void> BatchApplier::affect_by_filter(Change& change) {
  InboxScan scan{rows_, change.user, Direction::ascending};
  while (const auto* row = scan.next())
    if (reaches(change, *row)) affect(change, *row);
  return scan.outcome();
}

void BatchApplier::affect(Change& change, const InboxRow& row) {
  const auto& event = row.event;
  const bool removed = change.kind == Change::Kind::remove;
  change.affected.push_back(event.id);
  if (!removed && row.state.status == change.status) return;
  auto& counters = counts_[change.user];
  --counters.at(row.state.status, event.severity);
  auto state = row.state;
  state.updated_at = change.at;
  if (removed) {
    state.deleted_at = change.at;
    --kinds_[in_memory(kind_key(change.user, event.category, event.action))];
  } else {
    state.status = change.status;
    ++counters.at(change.status, event.severity);
  }
  new_states_.push_back({.event = event.sequence, .state = state, .broadcast = row.broadcast()});
}

void BatchApplier::write_states(const Change& change) {
  for (const auto& changed : new_states_) {
    writer_.put(Table::state, sequence_key(change.user, changed.event),
                encode_state({.state = changed.state, .change = change.sequence}));
    if (changed.broadcast) {
      writer_.put(Table::meta, mark_key(changed.event, change.user), {});
    } else if (changed.state.deleted_at) {
      const auto key = deletion_key(*changed.state.deleted_at, changed.event, change.user);
      writer_.put(Table::meta, key, {});
      changes_.oldest_deletion_us =
          std::min(changes_.oldest_deletion_us, parse_timed_key(key)->time);
    }
  }
  if (!new_states_.empty())
    changes_.states.push_back({.user = change.user, .states = std::exchange(new_states_, {})});
}

void BatchApplier::finish() {
  std::string encoded;
  for (const auto& [user, counters] : counts_) {
    encoded.clear();
    append_counters(encoded, counters);
    writer_.add(Table::counts, bytes_of(user), encoded);
  }
  for (const auto& [key, count] : kinds_) {
    if (count == 0) continue;
    Counters counters;
    counters.lanes[kind_lane] = count;
    encoded.clear();
    append_counters(encoded, counters);
    writer_.add(Table::kinds, key, encoded);
  }
}

}  // namespace carillon::persistence
