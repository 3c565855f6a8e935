#include "persistence/src/postgres_retention.hpp"

#include "persistence/src/holder.hpp"
#include "persistence/src/retention_pace.hpp"
#include "persistence/src/retention_rows.hpp"

#include <algorithm>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::LogEntry;
using engine::Result;
using engine::Timestamp;
using engine::UserId;
using std::chrono::microseconds;

constexpr auto never = Timestamp::max();
/// Before all that anybody can have published; what is farther off overflows in sums.
constexpr Timestamp long_ago{microseconds{-60'000'000'000'000'000}};

}  // namespace

std::uint64_t PostgresRetention::Pace::fitting(Clock::duration time) const noexcept {
  const auto us = std::chrono::duration<double, std::micro>{time}.count();
  return static_cast<std::uint64_t>(
      std::clamp(us / microseconds_each, 1.0, static_cast<double>(statement_events_max)));
}

void PostgresRetention::Pace::took(Clock::duration time, std::uint64_t count) noexcept {
  const auto us = std::chrono::duration<double, std::micro>{time}.count();
  const auto each = us / static_cast<double>(std::max<std::uint64_t>(count, 1));
  // At most half as many or twice as many next time, whatever held the server up.
  microseconds_each = std::clamp(each, microseconds_each / 2, microseconds_each * 2);
}

void PostgresRetention::prepare(PostgresConnection& connection) {
  prepare_by_time(connection);
  prepare_by_count(connection);
  PostgresRemoval::prepare(connection);
}

void PostgresRetention::set_options(const RetentionOptions& options) {
  const std::lock_guard lock{mutex_};
  options_ = options;
}

RetentionLoad PostgresRetention::load() const {
  const std::lock_guard lock{mutex_};
  return shown_;
}

void PostgresRetention::publish() {
  load_.bytes_over = bytes_over();
  load_.waiting_users = waiting_.size();
  load_.sweeping = sweep_behind_.has_value();
  const std::lock_guard lock{mutex_};
  shown_ = load_;
}

void PostgresRetention::take_options() {
  const auto before = in_force_.events_per_user;
  {
    const std::lock_guard lock{mutex_};
    if (in_force_ == options_) return;
    in_force_ = options_;
  }
  next_age_ = next_purge_ = long_ago;
  exhausted_ = false;
  const auto bound = in_force_.events_per_user;
  if (bound == 0) {
    kept_.clear();
    waiting_.clear();
    sweep_behind_.reset();
  } else if (before == 0 || bound < before) {
    wait_for_look(broadcasts_owner);
    sweep_behind_ = broadcasts_owner;
  }
}

void PostgresRetention::begin(const PostgresMeta& meta) {
  life_ = meta.life;
  load_.events = meta.events;
  load_.bytes = meta.event_bytes;
  exhausted_ = false;
  oldest_id_ = {};
  oldest_aged_ = oldest_deletion_ = next_age_ = next_purge_ = long_ago;
  kept_.clear();
  waiting_.clear();
  sweep_behind_.reset();
  in_force_.events_per_user = 0;  // so that the bound makes for a sweep
  take_options();
  publish();
}

void PostgresRetention::committed(std::span<const LogEntry> entries, const PostgresBatch& batch) {
  load_.events += batch.events();
  load_.bytes += batch.bytes();
  exhausted_ = false;
  auto oldest = never;
  auto oldest_deletion = never;
  for (const auto& entry : entries) {
    if (entry.change) {
      if (entry.change->kind == engine::Change::Kind::remove && !entry.change->affected.empty())
        oldest_deletion = std::min(oldest_deletion, entry.change->at);
      continue;
    }
    if (batch.is_left_out(entry.sequence)) continue;
    const auto& event = entry.event->view();
    oldest = std::min(oldest, event.created_at);
    if (id_tells_age(event.id, event.created_at)) {
      oldest_id_ = std::min(oldest_id_, event.id);
    } else {
      oldest_aged_ = std::min(oldest_aged_, event.created_at);
    }
    const auto bound = in_force_.events_per_user;
    if (bound == 0) continue;
    const auto& holder = holder_of(event);
    const auto kept = kept_.find(holder);
    if (kept == kept_.end() || ++kept->second > bound) wait_for_look(holder);
  }
  if (oldest != never) next_age_ = std::min(next_age_, oldest + in_force_.age);
  if (oldest_deletion != never) {
    oldest_deletion_ = std::min(oldest_deletion_, oldest_deletion);
    next_purge_ = std::min(next_purge_, oldest_deletion + in_force_.purge_deleted_after);
  }
  publish();
}

std::uint64_t PostgresRetention::bytes_over() const noexcept {
  const auto bound = in_force_.bytes;
  return bound != 0 && load_.bytes > bound ? load_.bytes - bound : 0;
}

bool PostgresRetention::purge_is_due(Timestamp now) const {
  return in_force_.purge_deleted_after.count() != 0 && next_purge_ <= now;
}

bool PostgresRetention::oldest_is_due(Timestamp now) const {
  return (bytes_over() > 0 && !exhausted_) || (in_force_.age.count() != 0 && next_age_ <= now);
}

bool PostgresRetention::surplus_is_due() const {
  return !waiting_.empty() || sweep_behind_;
}

RetentionStep PostgresRetention::step(Timestamp now) const {
  RetentionStep step{.more = purge_is_due(now) || oldest_is_due(now) || surplus_is_due()};
  step.behind = is_far_behind(in_force_, load_);
  auto due = never;
  if (in_force_.age.count() != 0) due = std::min(due, next_age_);
  if (in_force_.purge_deleted_after.count() != 0) due = std::min(due, next_purge_);
  if (due != never) step.due_at = due;
  return step;
}

Result<RetentionStep> PostgresRetention::slice(PostgresConnection& connection,
                                               Timestamp now,
                                               microseconds budget) {
  take_options();
  Slice slice{.connection = connection, .now = now, .end = Clock::now()};
  const auto begun = slice.end;
  load_.lag = {};
  while (step(now).more && (slice.end = begun + budget, slice.may_go_on())) {
    // Purged first, so that none of those takes earlier ones with it. Each kind of work
    // leaves some of the time to the next.
    slice.end = begun + budget / 4;
    while (purge_is_due(now) && slice.may_go_on())
      if (auto done = purge(slice); !done) return done.error();
    slice.end = begun + budget * 3 / 4;
    if (oldest_is_due(now) && slice.may_go_on())
      if (auto done = remove_oldest(slice); !done) return done.error();
    slice.end = begun + budget;
    if (!waiting_.empty() && slice.may_go_on())
      if (auto done = remove_surplus(slice); !done) return done.error();
    if (sweep_behind_ && waiting_.size() < sweep_waiting_max && slice.may_go_on())
      if (auto done = sweep(slice); !done) return done.error();
  }
  if (slice.begun) publish();
  return step(now);
}

Result<std::uint64_t> PostgresRetention::remove(Slice& slice,
                                                PostgresRemoval&& removal,
                                                std::uint64_t most,
                                                RemovalReason reason) {
  const auto begun = Clock::now();
  const auto removed = std::move(removal).remove(slice.connection, life_, most);
  if (!removed) return removed.error();
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  for (const auto& of_user : *removed) {
    events += of_user.events;
    bytes += of_user.bytes;
    if (const auto kept = kept_.find(of_user.holder); kept != kept_.end())
      kept->second -= of_user.events;
  }
  if (events == 0)
    return Error{Errc::locked,
                 "events that were there a moment ago can't be removed: another "
                 "session has written the store"};
  removing_.took(Clock::now() - begun, events);
  load_.events -= events;
  load_.bytes -= bytes;
  load_.removed[static_cast<std::size_t>(reason)] += events;
  load_.removed_bytes += bytes;
  return events;
}

}  // namespace carillon::persistence
