#include "persistence/src/columns_cache.hpp"

#include "persistence/src/holder.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/records.hpp"

#include <exception>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::Sequence;
using engine::UserId;

constexpr std::size_t missed_bytes_max = std::size_t{64} << 20U;

}  // namespace

ColumnsCache::EntryPtr ColumnsCache::ready(const UserId& owner) {
  const auto found = entries_.find(owner);
  if (found == entries_.end() || found->second->state != State::ready) return nullptr;
  found->second->used_at = ++uses_;
  return found->second;
}

std::shared_ptr<const Rows> ColumnsCache::rows() const {
  const std::lock_guard lock{mutex_};
  return rows_;
}

ColumnsCache::Moment ColumnsCache::moment(const UserId& user) {
  const std::lock_guard lock{mutex_};
  Moment moment{.rows = rows_, .inbox = {}};
  if (entries_.empty()) return moment;
  const auto broadcasts = ready(broadcasts_owner);
  const auto own = user.is_nil() ? nullptr : ready(user);
  if (broadcasts && (own || user.is_nil()))
    moment.inbox = {.user = user, .own = own ? own->view : nullptr, .broadcasts = broadcasts->view};
  return moment;
}

Result<bool> ColumnsCache::build(const UserId& user) {
  for (const auto& owner : {broadcasts_owner, user}) {
    auto built = build_owner(owner);
    if (!built || !*built) return built;
    if (user.is_nil()) break;
  }
  return true;
}

Result<bool> ColumnsCache::build_owner(const UserId& owner) {
  EntryPtr entry;
  std::shared_ptr<const Rows> rows;
  {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] {
      const auto found = entries_.find(owner);
      return !publishing_ && (found == entries_.end() || found->second->state != State::building);
    });
    if (const auto found = entries_.find(owner); found != entries_.end())
      return found->second->state == State::ready;
    entry = std::make_shared<Entry>();
    entry->owner = owner;
    entries_.emplace(owner, entry);
    rows = rows_;
  }
  try {
    const auto filled = fill(*entry, *rows);
    rows.reset();
    if (filled && *filled) return catch_up(entry);
    give_up(entry, /*too_big=*/static_cast<bool>(filled));
    return filled;
  } catch (...) {
    give_up(entry, /*too_big=*/false);
    throw;
  }
}

Result<bool> ColumnsCache::fill(Entry& entry, const Rows& rows) const {
  entry.columns = std::make_unique<InboxColumns>(options_.chunk_rows);
  const std::string prefix{bytes_of(entry.owner)};
  const auto first = sequence_key(entry.owner, 0);
  const auto events = rows.range(Table::events, prefix, first, Direction::ascending);
  for (; events->valid(); events->next()) {
    const auto event = decode_event(events->value(), sequence_of(events->key()));
    if (!event) return damaged("an event", events->key());
    if (!entry.columns->append(*event)) return damaged("an event out of order", events->key());
    if (entry.columns->bytes() > options_.bytes_max) return false;
  }
  if (!events->outcome()) return events->outcome().error();
  const auto states = rows.range(Table::state, prefix, first, Direction::ascending);
  for (; states->valid(); states->next()) {
    const auto record = decode_state(states->value());
    if (!record) return damaged("an event's state", states->key());
    entry.columns->set_state(sequence_of(states->key()), record->state);
  }
  if (!states->outcome()) return states->outcome().error();
  return true;
}

/// Applies what commits did meanwhile, until there is nothing left to apply.
bool ColumnsCache::catch_up(const EntryPtr& entry) {
  bool sound = true;
  while (sound) {
    auto view = entry->columns->publish();
    Missed missed;
    std::vector<EntryPtr> dropped;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return !publishing_; });
      if (!entry->cached) return false;
      missed = std::exchange(entry->missed, {});
      if (missed.empty()) {
        install(entry, std::move(view), dropped);
        const bool kept = entry->cached;
        lock.unlock();
        changed_.notify_all();
        return kept;
      }
    }
    for (const auto& [sequence, row] : missed.events) {
      const auto event = decode_event(row, sequence);
      sound = sound && event && entry->columns->append(*event);
    }
    for (const auto& [sequence, state] : missed.states)
      entry->columns->set_state(sequence, state);
    for (const auto sequence : missed.forgotten)
      entry->columns->forget(sequence);
  }
  give_up(entry, /*too_big=*/false);
  return false;
}

void ColumnsCache::install(const EntryPtr& entry,
                           std::shared_ptr<const ColumnsView> view,
                           std::vector<EntryPtr>& dropped) {
  entry->view = std::move(view);
  entry->bytes = entry->columns->bytes();
  entry->state = State::ready;
  entry->used_at = ++uses_;
  bytes_ += entry->bytes;
  ++built_;
  evict(dropped);
}

void ColumnsCache::give_up(const EntryPtr& entry, bool too_big) {
  {
    const std::lock_guard lock{mutex_};
    entry->columns.reset();
    entry->missed = {};
    if (too_big && entry->cached) {
      entry->state = State::too_big;
    } else if (entry->cached) {
      entry->cached = false;
      entries_.erase(entry->owner);
    }
  }
  changed_.notify_all();
}

void ColumnsCache::drop(const EntryPtr& entry, std::vector<EntryPtr>& dropped) {
  if (!entry->cached) return;
  entry->cached = false;
  bytes_ -= entry->bytes;
  entry->bytes = 0;
  dropped.push_back(entry);
  entries_.erase(entry->owner);
}

void ColumnsCache::drop_all(std::vector<EntryPtr>& dropped) {
  while (!entries_.empty())
    drop(EntryPtr{entries_.begin()->second}, dropped);
}

void ColumnsCache::evict(std::vector<EntryPtr>& dropped) {
  while (bytes_ > options_.bytes_max) {
    EntryPtr oldest;
    for (const auto& [owner, entry] : entries_)
      if (entry->state == State::ready && (!oldest || entry->used_at < oldest->used_at))
        oldest = entry;
    if (!oldest) return;
    drop(oldest, dropped);
    ++evicted_;
  }
}

void ColumnsCache::forget(const UserId& holder, Sequence event) {
  forgotten_.emplace_back(holder, event);
}

std::vector<ColumnsCache::Update> ColumnsCache::collect(std::span<const engine::LogEntry> batch,
                                                        const AppliedChanges& changes) {
  std::vector<Update> updates;
  const auto entry_of = [&](const UserId& owner) -> EntryPtr* {
    const auto found = entries_.find(owner);
    if (found == entries_.end() || found->second->state == State::too_big) return nullptr;
    return &found->second;
  };
  for (const auto& logged : batch) {
    if (!logged.event || changes.skipped.contains(logged.sequence)) continue;
    const auto& event = logged.event->view();
    const auto* entry = entry_of(holder_of(event));
    if (entry == nullptr) continue;
    if ((*entry)->state == State::ready) {
      updates.push_back({.entry = *entry, .event = &event});
      continue;
    }
    auto& missed = (*entry)->missed;
    missed.events.emplace_back(event.sequence, encode_event(event));
    missed.bytes += missed.events.back().second.size();
  }
  for (const auto& states : changes.states) {
    const auto* entry = entry_of(states.user);
    if (entry == nullptr) continue;
    if ((*entry)->state == State::ready) {
      updates.push_back({.entry = *entry, .states = &states});
      continue;
    }
    auto& missed = (*entry)->missed;
    for (const auto& changed : states.states)
      missed.states.emplace_back(changed.event, changed.state);
    missed.bytes += states.states.size() * sizeof(missed.states.front());
  }
  for (const auto& [holder, sequence] : forgotten_) {
    const auto* entry = entry_of(holder);
    if (entry == nullptr) continue;
    if ((*entry)->state == State::ready) {
      updates.push_back({.entry = *entry, .forgotten = sequence});
    } else {
      (*entry)->missed.forgotten.push_back(sequence);
    }
  }
  return updates;
}

std::vector<ColumnsCache::EntryPtr> ColumnsCache::apply(const std::vector<Update>& updates) {
  std::vector<EntryPtr> touched;
  for (const auto& update : updates) {
    auto& entry = *update.entry;
    if (!entry.touched) touched.push_back(update.entry);
    entry.touched = true;
    if (update.event != nullptr && !entry.columns->append(*update.event)) entry.broken = true;
    if (update.states != nullptr)
      for (const auto& changed : update.states->states)
        entry.columns->set_state(changed.event, changed.state);
    if (update.forgotten != 0) entry.columns->forget(update.forgotten);
  }
  for (const auto& entry : touched)
    entry->next = entry->columns->publish();
  return touched;
}

/// Replaces the views by those with the commit. REQUIRES the lock.
void ColumnsCache::show(const std::vector<EntryPtr>& touched, std::vector<EntryPtr>& dropped) {
  for (const auto& entry : touched) {
    entry->touched = false;
    entry->view.swap(entry->next);
    if (!entry->cached) continue;
    const auto bytes = entry->columns->bytes();
    bytes_ = bytes_ - entry->bytes + bytes;
    entry->bytes = bytes;
    // Rebuilt once it is needed, without the rows that are gone.
    const bool hollow = entry->columns->forgotten() * 2 > entry->columns->rows();
    if (entry->broken || hollow) drop(entry, dropped);
  }
  std::vector<EntryPtr> overtaken;
  for (const auto& [owner, entry] : entries_)
    if (entry->missed.bytes > missed_bytes_max) overtaken.push_back(entry);
  for (const auto& entry : overtaken)
    drop(entry, dropped);
  evict(dropped);
}

void ColumnsCache::publish(std::span<const engine::LogEntry> batch,
                           const AppliedChanges& changes,
                           std::shared_ptr<const Rows> rows) {
  std::vector<EntryPtr> touched;
  std::vector<EntryPtr> dropped;
  bool failed = false;
  try {
    std::vector<Update> updates;
    {
      const std::lock_guard lock{mutex_};
      if (!entries_.empty()) updates = collect(batch, changes);
      publishing_ = true;
    }
    touched = apply(updates);
  } catch (const std::exception&) {
    // No memory for columns; the commit stands.
    failed = true;
  }
  forgotten_.clear();
  {
    const std::lock_guard lock{mutex_};
    if (failed) {
      drop_all(dropped);
    } else {
      show(touched, dropped);
    }
    rows_.swap(rows);
    publishing_ = false;
  }
  changed_.notify_all();
  for (const auto& entry : touched)
    entry->next.reset();
}

void ColumnsCache::renew(std::shared_ptr<const Rows> rows, std::span<const UserId> owners) {
  std::vector<EntryPtr> dropped;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& owner : owners) {
      const auto found = entries_.find(owner);
      if (found != entries_.end()) drop(EntryPtr{found->second}, dropped);
    }
    rows_.swap(rows);
  }
  changed_.notify_all();
}

void ColumnsCache::clear() {
  std::vector<EntryPtr> dropped;
  std::shared_ptr<const Rows> rows;
  {
    const std::lock_guard lock{mutex_};
    drop_all(dropped);
    rows.swap(rows_);
  }
  changed_.notify_all();
}

void ColumnsCache::add_load(StoreLoad& load) const {
  const std::lock_guard lock{mutex_};
  load.columns_bytes = bytes_;
  load.columns_built_total = built_;
  load.columns_evicted_total = evicted_;
  for (const auto& [owner, entry] : entries_)
    load.columns_owners += static_cast<std::uint64_t>(entry->state == State::ready);
}

}  // namespace carillon::persistence
