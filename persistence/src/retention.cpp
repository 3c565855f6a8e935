#include "persistence/src/retention.hpp"

#include "persistence/src/holder.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/retention_pace.hpp"
#include "persistence/src/retention_work.hpp"

#include <algorithm>
#include <limits>

namespace carillon::persistence {
namespace {

using engine::LogEntry;
using engine::Result;
using engine::Sequence;
using engine::Timestamp;
using engine::UserId;
using Milliseconds = std::chrono::milliseconds;

constexpr auto never = Timestamp::max();
constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();

Timestamp time_of_us(std::uint64_t time) {
  return Timestamp{std::chrono::microseconds{static_cast<std::int64_t>(time)}};
}

Timestamp time_of_ms(std::uint64_t time) {
  return time_of_us(time * 1'000);
}

Milliseconds time_since_due(std::uint64_t time_ms, Timestamp now, Milliseconds age) {
  const auto due = Milliseconds{time_ms} + age;
  const auto at = std::chrono::duration_cast<Milliseconds>(now.time_since_epoch());
  return std::max(at - due, Milliseconds{0});
}

}  // namespace

void Retention::set_options(const RetentionOptions& options) {
  const std::lock_guard lock{mutex_};
  options_ = options;
}

RetentionLoad Retention::load() const {
  const std::lock_guard lock{mutex_};
  return load_;
}

void Retention::take_options() {
  const auto before = in_force_.events_per_user;
  {
    const std::lock_guard lock{mutex_};
    if (in_force_ == options_) return;
    in_force_ = options_;
  }
  next_due_ = {};
  ahead_ms_ = 0;
  const auto bound = in_force_.events_per_user;
  if (bound == before) return;
  if (bound == 0) {
    kept_.clear();
    waiting_.clear();
    counting_.reset();
    record_.counted_for = 0;
  } else if (record_.counted_for != 0) {
    // Once they may have more, they were not looked at for less.
    record_.counted_for = std::max(record_.counted_for, bound);
  }
  // A look for another bound begins anew.
  if (record_.sweep == Sweep::counting) record_.sweep = Sweep::none;
  if (bound != 0 && bound < before) record_.counted_for = 0;
}

Result<void> Retention::begin(const Rows& rows, std::uint64_t commits, Sequence first_sequence) {
  {
    const std::lock_guard lock{mutex_};
    in_force_ = options_;
  }
  kept_.clear();
  waiting_.clear();
  fronts_.clear();
  counting_.reset();
  swept_.reset();
  next_due_ = {};
  ahead_ms_ = 0;
  auto known = read_retention(rows, commits);
  if (!known) return known.error();
  const auto bound = in_force_.events_per_user;
  if (*known) {
    record_ = **known;
    const bool looked_at = record_.counted_for != 0 && record_.counted_for <= bound;
    if (record_.users_waiting || !looked_at) record_.counted_for = 0;
    if (looked_at && !record_.users_waiting) record_.counted_for = bound;
    if (record_.sweep == Sweep::counting) record_.sweep = Sweep::none;
  } else {
    record_ = {.commits = commits, .oldest_ms = no_limit, .oldest_deletion_us = no_limit};
    if (commits == 0) {
      record_.counted_for = bound;
    } else {
      record_.sweep = Sweep::events;
      record_.adopt_below = first_sequence;
    }
  }
  const std::lock_guard lock{mutex_};
  load_.events = record_.events;
  load_.bytes = record_.bytes;
  return {};
}

RetentionRecord Retention::after(std::span<const LogEntry> batch,
                                 const AppliedChanges& changes,
                                 std::uint64_t commits) const {
  auto record = record_;
  record.commits = commits;
  record.events += changes.events;
  record.bytes += changes.event_bytes;
  record.oldest_ms = std::min(record.oldest_ms, changes.oldest_ms);
  record.oldest_deletion_us = std::min(record.oldest_deletion_us, changes.oldest_deletion_us);
  const auto bound = in_force_.events_per_user;
  record.users_waiting = !waiting_.empty();
  if (bound == 0) return record;
  for (const auto& entry : batch) {
    if (record.users_waiting) break;
    if (!entry.event) continue;
    const auto kept = kept_.find(holder_of(entry.event->view()));
    record.users_waiting = kept == kept_.end() || kept->second + changes.events > bound;
  }
  return record;
}

void Retention::committed(const RetentionRecord& record,
                          std::span<const LogEntry> batch,
                          const AppliedChanges& changes) {
  record_ = record;
  {
    const std::lock_guard lock{mutex_};
    load_.events = record.events;
    load_.bytes = record.bytes;
    load_.bytes_over = bytes_over(record.bytes);
  }
  if (in_force_.age.count() != 0 && changes.events != 0)
    next_due_ = std::min(next_due_, time_of_ms(changes.oldest_ms) + in_force_.age);
  if (in_force_.purge_deleted_after.count() != 0 && changes.oldest_deletion_us != no_limit)
    next_due_ =
        std::min(next_due_, time_of_us(changes.oldest_deletion_us) + in_force_.purge_deleted_after);
  const auto bound = in_force_.events_per_user;
  if (bound == 0) return;
  for (const auto& entry : batch) {
    if (!entry.event || changes.skipped.contains(entry.sequence)) continue;
    const auto& holder = holder_of(entry.event->view());
    const auto kept = kept_.find(holder);
    if (kept == kept_.end() || ++kept->second > bound) wait_for_look(holder);
  }
}

void Retention::wait_for_look(const UserId& holder) {
  waiting_.insert(holder);
  if (waiting_.size() < users_max) return;
  // More than it remembers: a sweep will come past them.
  waiting_.clear();
  counting_.reset();
  record_.counted_for = 0;
  if (record_.sweep == Sweep::counting) record_.sweep = Sweep::none;
}

std::uint64_t Retention::bytes_over(std::uint64_t bytes) const noexcept {
  const auto bound = in_force_.bytes;
  return bound != 0 && bytes > bound ? bytes - bound : 0;
}

/// The usual case after a commit, which must cost nothing.
bool Retention::is_idle(Timestamp now) const {
  return next_due_ > now && record_.sweep == Sweep::none && waiting_.empty() &&
         !record_.users_waiting && bytes_over(record_.bytes) == 0;
}

Result<RetentionSlice> Retention::slice(const Rows& rows,
                                        RowWriter& writer,
                                        Timestamp now,
                                        std::chrono::microseconds budget) {
  take_options();
  if (is_idle(now)) {
    RetentionSlice nothing{.record = record_};
    if (next_due_ != never) nothing.step.due_at = next_due_;
    return nothing;
  }
  const auto bound = in_force_.events_per_user;
  if (record_.sweep == Sweep::none && bound != 0 && record_.counted_for == 0) {
    record_.sweep = Sweep::counting;
    record_.sweep_user = {};
    record_.sweep_sequence = 0;
    swept_.reset();
  }
  Work work{rows, writer, now, record_};
  const auto begun = Clock::now();
  const auto until = [&](int quarters) { work.until = begun + budget * quarters / 4; };
  const bool adopts = record_.sweep == Sweep::events || record_.sweep == Sweep::states;
  if (adopts || (record_.sweep == Sweep::counting && waiting_.size() < sweep_waiting_max)) {
    until(adopts ? 4 : 1);
    if (auto done = sweep(work); !done) return done.error();
  }
  // Before all are adopted, neither their bytes are known nor all marks of a broadcast.
  if (!adopts) {
    until(1);
    if (auto done = purge(work); !done) return done.error();
    until(3);
    const auto too_much = [this](const EventRemover& remover) {
      return bytes_over(record_.bytes - remover.bytes()) > 0;
    };
    if (auto done = remove_oldest(work, too_much); !done) return done.error();
    until(4);
    if (auto done = remove_surplus(work); !done) return done.error();
  }
  return finish(work);
}

Result<RetentionSlice> Retention::shrink(const Rows& rows,
                                         RowWriter& writer,
                                         const TooMuch& too_much) {
  Work work{rows, writer, {}, record_};
  work.until = Clock::time_point::max();
  if (auto done = remove_oldest(work, too_much); !done) return done.error();
  return finish(work);
}

RetentionSlice Retention::finish(Work& work) {
  work.remover.finish();
  auto slice = std::move(work.slice);
  auto& record = slice.record;
  slice.removed = work.remover.removed();
  slice.states = work.remover.states();
  slice.owners = work.remover.owners();
  record.events -= slice.removed.size();
  record.bytes -= work.remover.bytes();
  record.users_waiting = waiting_.size() > slice.done.size();
  auto& step = slice.step;
  step.more = step.more || record.users_waiting || record.sweep != Sweep::none;
  RetentionLoad left;
  left.bytes_over = bytes_over(record.bytes);
  left.lag = slice.lag;
  left.waiting_users = waiting_.size() - slice.done.size();
  step.behind = is_far_behind(in_force_, left);
  slice.writes = !slice.removed.empty() || record.sweep != record_.sweep ||
                 record.sweep_user != record_.sweep_user ||
                 record.sweep_sequence != record_.sweep_sequence ||
                 record.users_waiting != record_.users_waiting;
  return slice;
}

void Retention::applied(const RetentionSlice& slice) {
  record_ = slice.record;
  next_due_ = slice.step.more ? Timestamp{} : slice.step.due_at.value_or(never);
  for (const auto& removed : slice.removed) {
    if (const auto kept = kept_.find(removed.holder); kept != kept_.end()) --kept->second;
    if (counting_ && counting_->user == removed.holder && removed.sequence < counting_->next)
      --counting_->events;
  }
  for (const auto& user : slice.done)
    waiting_.erase(user);
  if (fronts_.size() + slice.fronts.size() > fronts_max) fronts_.clear();
  for (const auto& [holder, front] : slice.fronts)
    fronts_[holder] = front;

  const std::lock_guard lock{mutex_};
  load_.events = record_.events;
  const auto bytes_before = load_.bytes;
  load_.bytes = record_.bytes;
  for (std::size_t i = 0; i < removal_reason_count; ++i)
    load_.removed[i] += slice.by_reason[i];
  if (!slice.removed.empty()) load_.removed_bytes += bytes_before - record_.bytes;
  load_.waiting_users = waiting_.size();
  load_.bytes_over = bytes_over(record_.bytes);
  load_.lag = slice.lag;
  load_.sweeping = record_.sweep != Sweep::none;
}

Sequence Retention::front_of(const Work& work, const UserId& holder) const {
  if (const auto front = work.slice.fronts.find(holder); front != work.slice.fronts.end())
    return front->second;
  const auto front = fronts_.find(holder);
  return front == fronts_.end() ? 0 : front->second;
}

/// Removes the holder's oldest events, of which `row` is the first, up to one that stays or a
/// number, or while there is too much. False if it ends before that one or that number.
Result<bool> Retention::remove_from(Work& work,
                                    RowIterator* row,
                                    const UserId& holder,
                                    const Stays& stays,
                                    std::uint64_t count_max,
                                    const TooMuch* too_much) {
  for (std::uint64_t count = 0; row != nullptr && count < count_max;) {
    if (too_much != nullptr && !(*too_much)(work.remover)) return false;
    const auto sequence = sequence_of(row->key());
    const auto event = decode_event(row->value(), sequence);
    if (!event) return damaged("an event", row->key());
    if (stays(*event)) break;
    const auto removed = work.remover.remove(holder, *event, row->value().size());
    if (!removed) return removed.error();
    if (*removed) ++count;
    work.slice.fronts[holder] = sequence + 1;
    row->next();
    row = work.next_event(holder);
    if (work.is_over() && count < count_max) return false;
  }
  if (auto read = work.events->outcome(); !read) return read.error();
  return true;
}

/// Up to which time the events of a holder leave with its oldest one, because their turn comes
/// anyway. Finding where a holder's events begin is the dearest part of a removal, so far beyond
/// the bound in bytes that is done once for several events.
Result<Timestamp> Retention::ahead_of(Work& work,
                                      const OldestWalk::Place& place,
                                      std::uint64_t now_ms) {
  if (place.time_ms < ahead_ms_) return time_of_ms(ahead_ms_) - std::chrono::microseconds{1};
  ahead_ms_ = 0;
  const auto bytes = record_.bytes - work.remover.bytes();
  const RetentionLoad left{.bytes_over = bytes_over(bytes)};
  const auto events = record_.events - work.remover.removed().size();
  if (events == 0 || !is_far_behind(in_force_, left)) return Timestamp{};
  // Half of what must leave, as all events are of the same size here.
  const auto steps = std::min<std::uint64_t>(left.bytes_over / 2 / (bytes / events + 1), ahead_max);
  OldestWalk walk{work.rows, place.time_ms, now_ms};
  for (std::uint64_t i = 0; i < steps && walk.at(); ++i) {
    ahead_ms_ = walk.at()->time_ms;
    walk.next();
  }
  if (!walk.outcome()) return walk.outcome().error();
  // All of one millisecond are equally old; else many of them would be counted for each.
  if (steps > 0) ahead_ms_ = std::max(ahead_ms_, place.time_ms + 1);
  return time_of_ms(ahead_ms_) - std::chrono::microseconds{1};
}

Result<void> Retention::remove_oldest(Work& work, const TooMuch& too_much) {
  const auto age = in_force_.age;
  const bool timed = age.count() != 0 && work.now != Timestamp{};
  auto& record = work.slice.record;
  if (!too_much(work.remover)) {
    if (!timed || record.oldest_ms == no_limit) return {};
    if (const auto due = time_of_ms(record.oldest_ms) + age; due > work.now) {
      work.due_at(due);
      return {};
    }
  }
  const auto now_ms = work.now == Timestamp{} ? no_limit / 2 : persistence::milliseconds(work.now);
  OldestWalk walk{work.rows, record.oldest_ms, now_ms};
  std::string row;
  for (bool first = true;; first = false) {
    const auto place = walk.at();
    if (!walk.outcome()) return walk.outcome();
    if (!place) {
      // Older ones may come, if clocks are put back; a commit says so.
      record.oldest_ms = no_limit;
      return {};
    }
    record.oldest_ms = place->time_ms;
    if (work.is_over() && !first) {
      work.slice.step.more = true;
      if (timed) work.slice.lag = time_since_due(place->time_ms, work.now, age);
      return {};
    }
    if (work.remover.is_removed(place->sequence)) {
      walk.next();
      continue;
    }
    // Mostly it is its holder's first one, so the walk that removes it has read it already.
    auto* first_event = work.first_event(place->holder, front_of(work, place->holder));
    const auto key = sequence_key(place->holder, place->sequence);
    std::string_view value;
    if (first_event != nullptr && first_event->key() == key) {
      value = first_event->value();
    } else {
      const auto there = work.rows.get(Table::events, key, row);
      if (!there) return there.error();
      if (*there) value = row;
    }
    const auto event = decode_event(value, place->sequence);
    if (!event) return damaged("an event", key);
    if (place->by_id && !id_tells_age(event->id, event->created_at)) {
      walk.next();
      continue;
    }
    const bool old = timed && event->created_at + age <= work.now;
    if (!old && !too_much(work.remover)) {
      if (timed) work.due_at(event->created_at + age);
      return {};
    }
    const auto ahead = old ? Result<Timestamp>{work.now - age} : ahead_of(work, *place, now_ms);
    if (!ahead) return ahead.error();
    const auto stays = [&](const StoredEvent& next) {
      return next.sequence > place->sequence && next.created_at > *ahead;
    };
    const auto before = work.remover.removed().size();
    // Ids of one millisecond are in no order: one of the user's last may be found first.
    const auto whole =
        remove_from(work, first_event, place->holder, stays, no_limit, old ? nullptr : &too_much);
    if (!whole) return whole.error();
    const auto reason = old ? RemovalReason::age : RemovalReason::bytes;
    work.slice.by_reason[static_cast<std::size_t>(reason)] +=
        work.remover.removed().size() - before;
    if (*whole) walk.next();
  }
}

Result<void> Retention::purge(Work& work) {
  const auto wait = in_force_.purge_deleted_after;
  auto& record = work.slice.record;
  if (wait.count() == 0 || record.oldest_deletion_us == no_limit) return {};
  if (const auto due = time_of_us(record.oldest_deletion_us) + wait; due > work.now) {
    work.due_at(due);
    return {};
  }
  const auto rows = work.rows.range(Table::meta, deletion_prefix,
                                    timed_key_from(deletion_prefix, record.oldest_deletion_us),
                                    Direction::ascending);
  std::string row;
  for (bool first = true; rows->valid(); rows->next(), first = false) {
    const auto place = parse_timed_key(rows->key());
    if (!place) return damaged("a row of a deletion", rows->key());
    record.oldest_deletion_us = place->time;
    const auto due = time_of_us(place->time) + wait;
    if (due > work.now) {
      work.due_at(due);
      return {};
    }
    if (work.is_over() && !first) {
      work.slice.step.more = true;
      return {};
    }
    const auto key = sequence_key(place->holder, place->sequence);
    const auto there = work.rows.get(Table::events, key, row);
    if (!there) return there.error();
    const auto event = *there ? decode_event(row, place->sequence) : std::nullopt;
    if (!event) return damaged("an event", key);
    const auto removed = work.remover.remove(place->holder, *event, row.size());
    if (!removed) return removed.error();
    ++work.slice.by_reason[static_cast<std::size_t>(RemovalReason::deleted)];
  }
  if (auto read = rows->outcome(); !read) return read;
  record.oldest_deletion_us = no_limit;
  return {};
}

Result<void> Retention::remove_surplus(Work& work) {
  const auto bound = in_force_.events_per_user;
  if (bound == 0) return {};
  bool first = true;
  for (const auto& user : waiting_) {
    if (!std::exchange(first, false) && work.is_over()) return {};
    if (!kept_.contains(user)) {
      const auto counted = count_user(work, user);
      if (!counted) return counted.error();
      if (!*counted) return {};
    }
    const auto kept = kept_.at(user);
    const auto gone = work.remover.removed_of(user);
    if (kept > bound + gone) {
      const auto before = work.remover.removed().size();
      auto* first_event = work.first_event(user, front_of(work, user));
      const auto whole = remove_from(
          work, first_event, user, [](const StoredEvent&) { return false; }, kept - bound - gone);
      if (!whole) return whole.error();
      work.slice.by_reason[static_cast<std::size_t>(RemovalReason::count)] +=
          work.remover.removed().size() - before;
      if (!*whole) return {};
    }
    work.slice.done.push_back(user);
  }
  return {};
}

/// Puts the user's number of events into kept_; false if the slice is over before.
Result<bool> Retention::count_user(Work& work, const UserId& user) {
  constexpr std::uint64_t rows_between_looks = 64;
  if (!counting_ || counting_->user != user) {
    // As of before the slice: what it has removed is subtracted when it was applied.
    const auto front = fronts_.find(user);
    counting_ = Counting{.user = user, .next = front == fronts_.end() ? 0 : front->second};
  }
  auto* row = work.first_event(user, counting_->next);
  for (; row != nullptr; row = work.next_event(user)) {
    counting_->next = sequence_of(row->key()) + 1;
    if (++counting_->events % rows_between_looks == 0 && work.is_over()) return false;
    row->next();
  }
  if (auto read = work.events->outcome(); !read) return read.error();
  if (kept_.size() >= users_max) kept_.clear();
  kept_[user] = counting_->events;
  counting_.reset();
  return true;
}

}  // namespace carillon::persistence
