// What leaves because its user has too many: who is to be looked at, and how many they have.
#include "persistence/src/holder.hpp"
#include "persistence/src/postgres_retention.hpp"

#include <utility>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::UserId;

constexpr const char* count_users = "count_users";
constexpr const char* sweep_users = "sweep_users";

constexpr const char* count_users_sql =
    "SELECT u, coalesce((SELECT sum(unread + read + deleted) FROM carillon.counts"
    " WHERE user_id = u), 0)::bigint FROM unnest($1::uuid[]) AS row (u)";
constexpr const char* sweep_users_sql =
    "SELECT user_id, sum(unread + read + deleted)::bigint FROM carillon.counts"
    " WHERE user_id > $1 GROUP BY user_id ORDER BY user_id LIMIT $2";

}  // namespace

void PostgresRetention::prepare_by_count(PostgresConnection& connection) {
  PostgresParameters users;
  users.add_uuids({});
  connection.prepare(count_users, count_users_sql, users.types());
  PostgresParameters from;
  from.add_uuid({});
  from.add_int8(0);
  connection.prepare(sweep_users, sweep_users_sql, from.types());
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
