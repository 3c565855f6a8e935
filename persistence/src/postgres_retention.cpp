#include "persistence/src/postgres_retention.hpp"

#include "persistence/src/holder.hpp"
#include "persistence/src/postgres_event.hpp"
#include "persistence/src/retention_pace.hpp"
#include "persistence/src/retention_rows.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::LogEntry;
using engine::Result;
using engine::Sequence;
using engine::Timestamp;
using engine::UserId;
using std::chrono::microseconds;
using Milliseconds = std::chrono::milliseconds;

constexpr auto never = Timestamp::max();
constexpr auto no_deadline = PostgresConnection::no_deadline;
/// Before all that anybody can have published; what is farther off overflows in sums.
constexpr Timestamp long_ago{microseconds{-60'000'000'000'000'000}};
constexpr Milliseconds clock_tolerance{std::chrono::hours{24}};

constexpr const char* find_by_id = "find_by_id";
constexpr const char* find_aged = "find_aged";
constexpr const char* find_deleted = "find_deleted";
constexpr const char* count_users = "count_users";
constexpr const char* sweep_users = "sweep_users";

/// Events in the order of their ids, or of the time of those whose id does not tell it.
std::string oldest_sql(const char* condition, const char* order) {
  return std::string{"SELECT e.id, e.user_id, e.sequence, e.created_at, "} +
         postgres_event_bytes_sql + " FROM carillon.events e WHERE " + condition + " ORDER BY " +
         order;
}

constexpr const char* find_deleted_sql =
    "SELECT user_id, sequence, deleted_at FROM carillon.events WHERE deleted_at >= $1"
    " ORDER BY deleted_at, user_id, sequence LIMIT $2";
constexpr const char* count_users_sql =
    "SELECT u, coalesce((SELECT sum(unread + read + deleted) FROM carillon.counts"
    " WHERE user_id = u), 0)::bigint FROM unnest($1::uuid[]) AS row (u)";
constexpr const char* sweep_users_sql =
    "SELECT user_id, sum(unread + read + deleted)::bigint FROM carillon.counts"
    " WHERE user_id > $1 GROUP BY user_id ORDER BY user_id LIMIT $2";

/// The first id that is made at this time.
engine::EventId first_id_at(std::uint64_t time_ms) {
  engine::EventId id;
  for (std::size_t byte = 6; byte-- > 0; time_ms >>= 8U)
    id.bytes[byte] = static_cast<std::uint8_t>(time_ms);
  return id;
}

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
  PostgresParameters by_id;
  by_id.add_uuid({});
  by_id.add_uuid({});
  by_id.add_int8(0);
  connection.prepare(
      find_by_id,
      (oldest_sql("e.id >= $1 AND e.id < $2 AND e.aged_at IS NULL", "e.id, e.user_id") +
       " LIMIT $3")
          .c_str(),
      by_id.types());
  PostgresParameters by_time;
  by_time.add_time({});
  by_time.add_int8(0);
  connection.prepare(
      find_aged,
      (oldest_sql("e.aged_at >= $1", "e.aged_at, e.user_id, e.sequence") + " LIMIT $2").c_str(),
      by_time.types());
  connection.prepare(find_deleted, find_deleted_sql, by_time.types());
  PostgresParameters users;
  users.add_uuids({});
  connection.prepare(count_users, count_users_sql, users.types());
  PostgresParameters from;
  from.add_uuid({});
  from.add_int8(0);
  connection.prepare(sweep_users, sweep_users_sql, from.types());
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

void PostgresRetention::wait_for_look(const UserId& user) {
  waiting_.insert(user);
  if (waiting_.size() < users_max) return;
  // More than it remembers: a sweep will come past them.
  waiting_.clear();
  waiting_.insert(broadcasts_owner);
  sweep_behind_ = broadcasts_owner;
}

void PostgresRetention::remember(const UserId& user, std::uint64_t events) {
  if (kept_.size() >= users_max) {
    // Only of those that are not too many: the others' numbers are needed at once.
    std::erase_if(kept_, [this](const auto& kept) { return !waiting_.contains(kept.first); });
  }
  kept_[user] = events;
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

Result<void> PostgresRetention::purge(Slice& slice) {
  const auto most = removing_.fitting(slice.left());
  slice.begun = true;
  PostgresParameters parameters;
  parameters.add_time(oldest_deletion_);
  parameters.add_int8(to_bigint(most + 1));
  const auto rows = slice.connection.run_prepared(find_deleted, parameters);
  if (!rows) return rows.error();
  const auto until = slice.now - in_force_.purge_deleted_after;
  PostgresRemoval removal;
  auto next = never;
  auto reached = oldest_deletion_;
  for (int row = 0; row < rows->count(); ++row) {
    const auto deleted_at = rows->time(row, 2);
    if (deleted_at > until || static_cast<std::uint64_t>(row) == most) {
      next = deleted_at + in_force_.purge_deleted_after;
      reached = deleted_at;
      break;
    }
    const auto sequence = static_cast<Sequence>(rows->int8(row, 1));
    removal.add({.holder = rows->uuid(row, 0), .first = sequence, .last = sequence, .most = 1});
    reached = deleted_at;
  }
  if (!removal.empty()) {
    const auto removed = remove(slice, std::move(removal), most, RemovalReason::deleted);
    if (!removed) return removed.error();
  }
  oldest_deletion_ = reached;
  next_purge_ = next;
  return {};
}

/// Some of the oldest events, in the order of time: at most `most`, and behind them one more
/// of each way to find them.
Result<std::vector<PostgresRetention::Place>> PostgresRetention::find_oldest(Slice& slice,
                                                                             std::uint64_t most) {
  PostgresParameters by_id;
  by_id.add_uuid(oldest_id_);
  by_id.add_uuid(first_id_at(milliseconds(slice.now + clock_tolerance)));
  by_id.add_int8(to_bigint(most + 1));
  PostgresParameters aged;
  aged.add_time(oldest_aged_);
  aged.add_int8(to_bigint(most + 1));
  slice.connection.send_prepared(find_by_id, by_id);
  slice.connection.send_prepared(find_aged, aged);
  slice.connection.sync();
  std::vector<Place> places;
  for (const bool is_by_id : {true, false}) {
    const auto rows = slice.connection.take(no_deadline);
    if (!rows) return rows.error();
    for (int row = 0; row < rows->count(); ++row) {
      Place place{.id = rows->uuid(row, 0),
                  .holder = rows->uuid(row, 1),
                  .sequence = static_cast<Sequence>(rows->int8(row, 2)),
                  .created_at = rows->time(row, 3),
                  .bytes = static_cast<std::uint64_t>(rows->int8(row, 4)),
                  .by_id = is_by_id};
      place.time_ms = is_by_id ? time_of_id(place.id).value_or(0) : milliseconds(place.created_at);
      places.push_back(place);
    }
  }
  if (auto ended = slice.connection.take_sync(no_deadline); !ended) return ended.error();
  std::ranges::stable_sort(places, {}, &Place::time_ms);
  return places;
}

/// Removes what is too old, or if nothing is, the oldest for their bytes; each with all
/// earlier events of its user.
Result<void> PostgresRetention::remove_oldest(Slice& slice) {
  const auto most = removing_.fitting(slice.left());
  slice.begun = true;
  const auto places = find_oldest(slice, most);
  if (!places) return places.error();
  const auto is_old = [&](const Place& place) {
    return in_force_.age.count() != 0 && place.created_at + in_force_.age <= slice.now;
  };
  const bool by_age = !places->empty() && is_old(places->front());
  std::unordered_map<UserId, Chosen> users;
  std::uint64_t bytes = 0;
  std::size_t chosen = 0;
  for (; chosen < std::min<std::size_t>(most, places->size()); ++chosen) {
    const auto& place = (*places)[chosen];
    if (by_age ? !is_old(place) : bytes >= bytes_over()) break;
    bytes += place.bytes;
    auto& of_user = users[place.holder];
    of_user.end = std::max(of_user.end, place.sequence);
    ++of_user.events;
  }
  exhausted_ = chosen == 0;
  auto gone = chosen;
  if (chosen != 0) {
    // By age: room for earlier events of the same users, so that all that were chosen go. For
    // bytes only as many as were chosen: ids of one millisecond are in no order, so the last
    // may be among them, and what stays is found again.
    const auto room = by_age ? 2 * most : chosen;
    PostgresRemoval removal;
    for (const auto& [holder, of_user] : users)
      removal.add({.holder = holder,
                   .first = 0,
                   .last = of_user.end,
                   .most = by_age ? room : of_user.events});
    const auto reason = by_age ? RemovalReason::age : RemovalReason::bytes;
    const auto removed = remove(slice, std::move(removal), room, reason);
    if (!removed) return removed.error();
    if (by_age)
      load_.lag = std::chrono::duration_cast<Milliseconds>(
          slice.now - (*places)[chosen - 1].created_at - in_force_.age);
    if (by_age && *removed >= room) return {};  // some may be left: the next walk begins here too
    if (!by_age) gone = 0;
  }
  go_on_from(*places, gone);
  next_age_ = gone < places->size() ? (*places)[gone].created_at + in_force_.age : never;
  return {};
}

/// The next walk begins, of each way, at the first event that stays, or else at the last
/// that went.
void PostgresRetention::go_on_from(const std::vector<Place>& places, std::size_t gone) {
  bool id_stays = false;
  bool aged_stays = false;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& place = places[i];
    auto& stays = place.by_id ? id_stays : aged_stays;
    if (stays) continue;
    stays = i >= gone;
    if (place.by_id) {
      oldest_id_ = place.id;
    } else {
      oldest_aged_ = place.created_at;
    }
  }
}

/// Looks for users that have too many, a few at a time.
Result<void> PostgresRetention::sweep(Slice& slice) {
  slice.begun = true;
  const auto most = counting_.fitting(slice.left());
  PostgresParameters parameters;
  parameters.add_uuid(*sweep_behind_);
  parameters.add_int8(to_bigint(most));
  const auto begun = Clock::now();
  const auto rows = slice.connection.run_prepared(sweep_users, parameters);
  if (!rows) return rows.error();
  counting_.took(Clock::now() - begun, most);
  for (int row = 0; row < rows->count(); ++row) {
    sweep_behind_ = rows->uuid(row, 0);
    const auto events = static_cast<std::uint64_t>(rows->int8(row, 1));
    if (events <= in_force_.events_per_user) continue;
    remember(*sweep_behind_, events);
    waiting_.insert(*sweep_behind_);
  }
  if (static_cast<std::uint64_t>(rows->count()) < most) sweep_behind_.reset();
  return {};
}

/// Learns how many events some of the waiting users have.
Result<void> PostgresRetention::count_waiting(Slice& slice) {
  PostgresArray users{PostgresType::uuid};
  std::uint64_t count = 0;
  const auto most = counting_.fitting(slice.left());
  for (const auto& user : waiting_) {
    if (count == most) break;
    if (kept_.contains(user)) continue;
    users.add_uuid(user);
    ++count;
  }
  if (count == 0) return {};
  PostgresParameters parameters;
  parameters.add_array(PostgresType::uuid_array, std::move(users));
  const auto begun = Clock::now();
  const auto rows = slice.connection.run_prepared(count_users, parameters);
  if (!rows) return rows.error();
  counting_.took(Clock::now() - begun, count);
  for (int row = 0; row < rows->count(); ++row)
    remember(rows->uuid(row, 0), static_cast<std::uint64_t>(rows->int8(row, 1)));
  return {};
}

Result<void> PostgresRetention::remove_surplus(Slice& slice) {
  slice.begun = true;
  if (auto counted = count_waiting(slice); !counted) return counted;
  const auto most = removing_.fitting(slice.left());
  const auto bound = in_force_.events_per_user;
  PostgresRemoval removal;
  std::uint64_t surplus = 0;
  std::erase_if(waiting_, [&](const UserId& user) {
    const auto kept = kept_.find(user);
    if (kept == kept_.end()) return false;
    if (kept->second <= bound) return true;
    if (surplus >= most) return false;
    const auto more = kept->second - bound;
    removal.add({.holder = user, .first = 0, .last = engine::sequence_max, .most = more});
    surplus += more;
    return false;
  });
  if (removal.empty()) return {};
  const auto removed = remove(slice, std::move(removal), most, RemovalReason::count);
  if (!removed) return removed.error();
  std::erase_if(waiting_, [&](const UserId& user) {
    const auto kept = kept_.find(user);
    return kept != kept_.end() && kept->second <= bound;
  });
  return {};
}

}  // namespace carillon::persistence
