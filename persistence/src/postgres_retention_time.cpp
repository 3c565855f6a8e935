// What leaves because of its time: deleted events, and the oldest by age or for their bytes.
#include "persistence/src/postgres_event.hpp"
#include "persistence/src/postgres_retention.hpp"
#include "persistence/src/retention_rows.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::Sequence;
using engine::Timestamp;
using engine::UserId;
using Milliseconds = std::chrono::milliseconds;

constexpr auto never = Timestamp::max();
constexpr auto no_deadline = PostgresConnection::no_deadline;
constexpr Milliseconds clock_tolerance{std::chrono::hours{24}};

constexpr const char* find_by_id = "find_by_id";
constexpr const char* find_aged = "find_aged";
constexpr const char* find_deleted = "find_deleted";

/// Events in the order of their ids, or of the time of those whose id does not tell it.
std::string oldest_sql(const char* condition, const char* order) {
  return std::string{"SELECT e.id, e.user_id, e.sequence, e.created_at, "} +
         postgres_event_bytes_sql + " FROM carillon.events e WHERE " + condition + " ORDER BY " +
         order;
}

constexpr const char* find_deleted_sql =
    "SELECT user_id, sequence, deleted_at FROM carillon.events WHERE deleted_at >= $1"
    " ORDER BY deleted_at, user_id, sequence LIMIT $2";

/// The first id that is made at this time.
engine::EventId first_id_at(std::uint64_t time_ms) {
  engine::EventId id;
  for (std::size_t byte = 6; byte-- > 0; time_ms >>= 8U)
    id.bytes[byte] = static_cast<std::uint8_t>(time_ms);
  return id;
}

}  // namespace

void PostgresRetention::prepare_by_time(PostgresConnection& connection) {
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

}  // namespace carillon::persistence
