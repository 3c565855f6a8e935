#include "persistence/src/memory_store.hpp"

#include "persistence/src/assert.hpp"
#include "persistence/src/batch_applier.hpp"
#include "persistence/src/counters.hpp"
#include "persistence/src/inbox_queries.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/new_identity.hpp"
#include "persistence/src/retention_rows.hpp"

#include <utility>

namespace carillon::persistence {
namespace {

using engine::EventId;
using engine::EventPage;
using engine::LogEntry;
using engine::Result;
using engine::UserId;

/// What an event costs beside its text: map nodes of its row, its id and often its age.
/// A state: nodes of its row and of what retention finds it by.
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
  void seek(std::string_view key) override { at_ = map_.lower_bound(key); }
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
  at(table).insert_or_assign(std::string{key}, std::string{value});
}

void MemoryRows::add(Table table, std::string_view key, std::string_view counters) {
  auto& row = at(table)[std::string{key}];
  Counters sum;
  const bool sound = (row.empty() || add_encoded(sum, row)) && add_encoded(sum, counters);
  CARILLON_STORE_ASSERT(sound, "counters are encoded by this process");
  row.clear();
  append_counters(row, sum);
  if (table == Table::kinds && sum.lanes[kind_lane] == 0) erase(table, key);
}

void MemoryRows::erase(Table table, std::string_view key) {
  const auto row = at(table).find(key);
  if (row != at(table).end()) at(table).erase(row);
}

void DeferredWrites::put(Table table, std::string_view key, std::string_view value) {
  writes_.push_back({Kind::put, table, std::string{key}, std::string{value}});
}

void DeferredWrites::add(Table table, std::string_view key, std::string_view counters) {
  writes_.push_back({Kind::addition, table, std::string{key}, std::string{counters}});
}

void DeferredWrites::erase(Table table, std::string_view key) {
  writes_.push_back({Kind::erasure, table, std::string{key}, {}});
}

void DeferredWrites::apply_to(MemoryRows& rows) const {
  for (const auto& write : writes_) {
    switch (write.kind) {
      case Kind::put:
        rows.put(write.table, write.key, write.value);
        break;
      case Kind::addition:
        rows.add(write.table, write.key, write.value);
        break;
      case Kind::erasure:
        rows.erase(write.table, write.key);
        break;
    }
  }
}

MemoryStore::MemoryStore(const StoreOptions& options)
    : bytes_max_{options.memory_bytes_max},
      origin_{.epoch = new_epoch(), .first_sequence = 1, .last_broadcast = 0},
      identity_{new_identity()},
      columns_{columns_options(options),
               std::shared_ptr<const Rows>{std::shared_ptr<void>{}, &rows_}},
      retention_{options.retention} {
  const auto begun = retention_.begin(rows_, 0, origin_.first_sequence);
  CARILLON_STORE_ASSERT(begun, "there is nothing yet that could be damaged");
}

Result<void> MemoryStore::commit(std::span<const LogEntry> batch) {
  const std::lock_guard lock{mutex_};
  BatchApplier applier{rows_, rows_};
  for (const auto& entry : batch)
    if (auto applied = applier.apply(entry); !applied) return applied;
  applier.finish();
  const auto& changes = applier.changes();
  retention_.committed(retention_.after(batch, changes, 0), batch, changes);
  if (auto shrunk = shrink(); !shrunk) return shrunk;
  columns_.publish(batch, changes, columns_.rows());
  return {};
}

std::size_t MemoryStore::bytes(std::uint64_t events,
                               std::uint64_t event_bytes,
                               std::size_t states) const noexcept {
  return event_bytes + events * event_overhead_bytes + states * state_overhead_bytes;
}

/// Back to the bound.
Result<void> MemoryStore::shrink() {
  const auto too_much = [this](const EventRemover& remover) {
    return bytes(retention_.events() - remover.removed().size(),
                 retention_.bytes() - remover.bytes(),
                 rows_.state_count() - remover.states()) > bytes_max_;
  };
  DeferredWrites writes;
  const auto slice = retention_.shrink(rows_, writes, too_much);
  if (!slice) return slice.error();
  if (slice->removed.empty()) return {};
  apply(*slice, writes);
  for (const auto& user : slice->owners)
    forget_empty(user);
  return {};
}

void MemoryStore::apply(const RetentionSlice& slice, const DeferredWrites& writes) {
  writes.apply_to(rows_);
  for (const auto& removed : slice.removed)
    columns_.forget(removed.holder, removed.sequence);
  retention_.applied(slice);
}

/// A user of whom nothing is left costs nothing. The broadcasts' row stays: it
/// holds their last sequence.
void MemoryStore::forget_empty(const UserId& user) {
  const auto key = bytes_of(user);
  std::string row;
  Counters left;
  const bool sound = *rows_.get(Table::counts, key, row) && add_encoded(left, row);
  CARILLON_STORE_ASSERT(sound, "counters are encoded by this process");
  if (left.lanes != Counters{}.lanes || user == broadcasts_owner) return;
  rows_.erase(Table::counts, key);
  rows_.erase(Table::counts, horizon_key(user));
}

Result<RetentionStep> MemoryStore::retain(engine::Timestamp now, std::chrono::microseconds budget) {
  const std::lock_guard lock{mutex_};
  DeferredWrites writes;
  const auto slice = retention_.slice(rows_, writes, now, budget);
  if (!slice) return slice.error();
  apply(*slice, writes);
  columns_.publish({}, {}, columns_.rows());
  return slice->step;
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
  load.retention = retention_.load();
  return load;
}

}  // namespace carillon::persistence
