#include "persistence/src/memory_store.hpp"

#include "persistence/src/assert.hpp"
#include "persistence/src/batch_applier.hpp"
#include "persistence/src/inbox_queries.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/new_identity.hpp"

#include <utility>

namespace carillon::persistence {
namespace {

using engine::EventId;
using engine::EventPage;
using engine::LogEntry;
using engine::Result;
using engine::UserId;

/// What an event costs beside its text: two map nodes, two keys, the list of the
/// oldest. A state: a node, a key, a list entry.
constexpr std::size_t event_overhead_bytes = 320;
constexpr std::size_t state_overhead_bytes = 200;

/// Walks a map in either direction. `at_` is the row, `end` past the last one.
class MapIterator final : public RowIterator {
 public:
  MapIterator(const MemoryRows::Map& map,
              std::string_view prefix,
              std::string_view start,
              Direction direction)
      : map_{map}, prefix_{prefix}, direction_{direction} {
    if (direction == Direction::ascending) {
      at_ = map.lower_bound(start);
    } else {
      at_ = map.upper_bound(start);
      step_back();
    }
  }

  [[nodiscard]] bool valid() const override {
    return at_ != map_.end() && at_->first.starts_with(prefix_);
  }
  [[nodiscard]] std::string_view key() const override { return at_->first; }
  [[nodiscard]] std::string_view value() const override { return at_->second; }
  void next() override {
    if (direction_ == Direction::ascending) {
      ++at_;
    } else {
      step_back();
    }
  }
  [[nodiscard]] Result<void> outcome() const override { return {}; }

 private:
  void step_back() { at_ = at_ == map_.begin() ? map_.end() : std::prev(at_); }

  const MemoryRows::Map& map_;
  std::string prefix_;
  Direction direction_;
  MemoryRows::Map::const_iterator at_;
};

}  // namespace

Result<bool> MemoryRows::get(Table table, std::string_view key, std::string& value) const {
  const auto found = at(table).find(key);
  if (found == at(table).end()) return false;
  value = found->second;
  return true;
}

std::unique_ptr<RowIterator> MemoryRows::range(Table table,
                                               std::string_view prefix,
                                               std::string_view start,
                                               Direction direction) const {
  return std::make_unique<MapIterator>(at(table), prefix, start, direction);
}

void MemoryRows::put(Table table, std::string_view key, std::string_view value) {
  const auto [row, fresh] = at(table).insert_or_assign(std::string{key}, std::string{value});
  if (table != Table::state || !fresh) return;
  UserId user;
  std::memcpy(user.bytes.data(), key.data(), user.bytes.size());
  states_of_[sequence_of(key)].push_back(user);
}

void MemoryRows::add(Table table, std::string_view key, std::string_view counters) {
  auto& row = at(table)[std::string{key}];
  Counters sum;
  const bool sound = (row.empty() || add_encoded(sum, row)) && add_encoded(sum, counters);
  CARILLON_STORE_ASSERT(sound, "counters are encoded by this process");
  row.clear();
  append_counters(row, sum);
}

void MemoryRows::erase(Table table, std::string_view key) {
  const auto row = at(table).find(key);
  if (row != at(table).end()) at(table).erase(row);
}

std::vector<UserId> MemoryRows::take_states_of(engine::Sequence event) {
  auto node = states_of_.extract(event);
  return node ? std::move(node.mapped()) : std::vector<UserId>{};
}

MemoryStore::MemoryStore(const StoreOptions& options)
    : bytes_max_{options.memory_bytes_max},
      origin_{.epoch = new_epoch(), .first_sequence = 1, .last_broadcast = 0},
      identity_{new_identity()},
      columns_{columns_options(options),
               std::shared_ptr<const Rows>{std::shared_ptr<void>{}, &rows_}} {
}

Result<void> MemoryStore::commit(std::span<const LogEntry> batch) {
  const std::lock_guard lock{mutex_};
  BatchApplier applier{rows_, rows_};
  for (const auto& entry : batch)
    if (auto applied = applier.apply(entry); !applied) return applied;
  applier.finish();
  remember(batch);
  while (bytes() > bytes_max_ && !oldest_.empty())
    forget_oldest();
  columns_.publish(batch, applier.changes(), columns_.rows());
  return {};
}

std::size_t MemoryStore::bytes() const noexcept {
  return event_bytes_ + rows_.state_count() * state_overhead_bytes;
}

void MemoryStore::remember(std::span<const LogEntry> batch) {
  std::string row;
  for (const auto& entry : batch) {
    if (!entry.event) continue;
    const auto& event = *entry.event;
    const auto& holder =
        event.audience() == engine::Audience::everyone ? broadcasts_owner : event.owner();
    const auto there = rows_.get(Table::events, sequence_key(holder, event.sequence()), row);
    if (!*there) continue;  // a second event with this id, which was not taken
    oldest_.push_back({.holder = holder,
                       .sequence = event.sequence(),
                       .bytes = row.size() + event_overhead_bytes});
    event_bytes_ += oldest_.back().bytes;
  }
}

void MemoryStore::forget_oldest() {
  const auto kept = oldest_.front();
  oldest_.pop_front();
  event_bytes_ -= kept.bytes;
  const auto key = sequence_key(kept.holder, kept.sequence);
  std::string row;
  const bool there = *rows_.get(Table::events, key, row);
  const auto event = there ? decode_event(row, kept.sequence) : std::nullopt;
  CARILLON_STORE_ASSERT(event, "what is listed is kept");

  Counters one;
  one.at(event->initial_status, event->severity) = 1;
  subtract(Table::counts, bytes_of(kept.holder), one);
  Counters kind;
  kind.lanes[kind_lane] = 1;
  subtract(Table::kinds, kind_key(kept.holder, event->category, event->action), kind);
  for (const auto& user : rows_.take_states_of(kept.sequence))
    forget_state(user, *event);
  rows_.erase(Table::ids, id_key(kept.holder, event->id));
  rows_.erase(Table::events, key);
  columns_.forget(kept.holder, kept.sequence);
}

void MemoryStore::forget_state(const UserId& user, const engine::EventView& event) {
  const auto key = sequence_key(user, event.sequence);
  std::string row;
  const bool there = *rows_.get(Table::state, key, row);
  const auto record = there ? decode_state(row) : std::nullopt;
  CARILLON_STORE_ASSERT(record, "what is listed is kept");
  // The opposite of BatchApplier::affect.
  Counters mark;
  --mark.at(event.initial_status, event.severity);
  if (record->state.deleted_at) {
    Counters kind;
    kind.lanes[kind_lane] = -1;
    subtract(Table::kinds, kind_key(user, event.category, event.action), kind);
  } else {
    ++mark.at(record->state.status, event.severity);
  }
  subtract(Table::counts, bytes_of(user), mark);
  rows_.erase(Table::state, key);
}

void MemoryStore::subtract(Table table, std::string_view key, const Counters& counters) {
  Counters opposite;
  for (std::size_t i = 0; i < Counters::lane_count; ++i)
    opposite.lanes[i] = -counters.lanes[i];
  std::string row;
  append_counters(row, opposite);
  rows_.add(table, key, row);
  // A user of whom nothing is left costs nothing. The broadcasts' row stays: it
  // holds their last sequence.
  Counters left;
  const bool sound = *rows_.get(table, key, row) && add_encoded(left, row);
  CARILLON_STORE_ASSERT(sound, "counters are encoded by this process");
  if (left.lanes == Counters{}.lanes && key != bytes_of(broadcasts_owner)) rows_.erase(table, key);
}

Result<EventPage> MemoryStore::list(const engine::ListQuery& query) const {
  const std::lock_guard lock{mutex_};
  return list_inbox(columns_, origin_.epoch, query);
}

Result<std::string> MemoryStore::get(const UserId& user, const EventId& id) const {
  const std::lock_guard lock{mutex_};
  return read_event(rows_, user, id);
}

Result<std::optional<std::string>> MemoryStore::find_by_id(const UserId& owner,
                                                           const EventId& id) const {
  const std::lock_guard lock{mutex_};
  return read_published(rows_, owner, id);
}

Result<engine::Aggregate> MemoryStore::aggregate(const UserId& user) const {
  const std::lock_guard lock{mutex_};
  return read_aggregate(rows_, user);
}

Result<std::vector<engine::Kind>> MemoryStore::kinds(const UserId& user) const {
  const std::lock_guard lock{mutex_};
  return read_kinds(rows_, user);
}

StoreLoad MemoryStore::load() const {
  StoreLoad load;
  columns_.add_load(load);
  return load;
}

}  // namespace carillon::persistence
