#include "persistence/src/postgres_removal.hpp"

#include "persistence/src/postgres_event.hpp"

#include <string>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Result;

constexpr const char* remove_events = "remove_events";

// By their places: joined by key, a planner without statistics may walk all events.
// Whoever missed a change to what is gone can't learn of it any more, so horizons cover
// changes too. One from before schema version 2 has no sequence: no later than the user's
// latest. What a mark adds to its user's counts is postgres_sums_sql's business.
std::string remove_sql() {
  return std::string{R"(
WITH cut AS (
  SELECT e.place
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS c (holder, first, last, most)
   CROSS JOIN LATERAL (SELECT ctid AS place FROM carillon.events
                        WHERE user_id = c.holder AND sequence BETWEEN c.first AND c.last
                        ORDER BY sequence LIMIT c.most) AS e
   WHERE EXISTS (SELECT FROM carillon.meta WHERE life = $6) LIMIT $5),
gone AS (
  DELETE FROM carillon.events e WHERE e.ctid = ANY (ARRAY(SELECT place FROM cut))
  RETURNING e.user_id, e.sequence, e.severity, e.status, e.category, e.action, e.deleted_at,
    )"} + postgres_event_bytes_sql +
         R"( AS bytes,
    greatest(e.sequence, e.changed, CASE WHEN e.changed IS NULL AND e.updated_at <> e.created_at
      THEN (SELECT last_change FROM carillon.positions p WHERE p.user_id = e.user_id) END) AS until),
unmarked AS (
  DELETE FROM carillon.marks m USING gone g
   WHERE g.user_id = '00000000-0000-0000-0000-000000000000' AND m.sequence = g.sequence
  RETURNING m.user_id, g.severity, g.category, g.action, g.status AS before, m.status, m.deleted_at,
    coalesce(m.changed, (SELECT last_change FROM carillon.positions p
                          WHERE p.user_id = m.user_id), m.sequence) AS until),
less AS (
  SELECT user_id, severity, category, action, (status = 0 AND deleted_at IS NULL)::int AS unread,
         (status = 1 AND deleted_at IS NULL)::int AS read, (deleted_at IS NOT NULL)::int AS deleted
    FROM gone
  UNION ALL
  SELECT user_id, severity, category, action,
         (status = 0 AND deleted_at IS NULL)::int - (before = 0)::int,
         (status = 1 AND deleted_at IS NULL)::int - (before = 1)::int, (deleted_at IS NOT NULL)::int
    FROM unmarked),
counted AS (
  INSERT INTO carillon.counts AS n (user_id, severity, category, action, unread, read, deleted)
  SELECT user_id, severity, category, action, -sum(unread), -sum(read), -sum(deleted)
    FROM less GROUP BY user_id, severity, category, action
      ON CONFLICT (user_id, severity, category, action) DO UPDATE
     SET unread = n.unread + excluded.unread, read = n.read + excluded.read,
         deleted = n.deleted + excluded.deleted),
placed AS (
  INSERT INTO carillon.positions AS p (user_id, last_change, horizon)
  SELECT user_id, max(until), max(until)
    FROM (SELECT user_id, until FROM gone UNION ALL SELECT user_id, until FROM unmarked) AS row
   GROUP BY user_id
      ON CONFLICT (user_id) DO UPDATE
     SET last_change = greatest(p.last_change, excluded.last_change),
         horizon = greatest(p.horizon, excluded.horizon)),
summed AS (
  UPDATE carillon.meta m SET events = m.events - s.events, event_bytes = m.event_bytes - s.bytes
    FROM (SELECT count(*) AS events, coalesce(sum(bytes), 0) AS bytes FROM gone) AS s)
SELECT user_id, count(*), sum(bytes)::bigint FROM gone GROUP BY user_id
)";
}

}  // namespace

void PostgresRemoval::prepare(PostgresConnection& connection) {
  PostgresParameters types;
  types.add_array(PostgresType::uuid_array, PostgresArray{PostgresType::uuid});
  for (int i = 0; i < 3; ++i)
    types.add_array(PostgresType::int8_array, PostgresArray{PostgresType::int8});
  types.add_int8(0);
  types.add_int8(0);
  connection.prepare(remove_events, remove_sql().c_str(), types.types());
}

void PostgresRemoval::add(const Cut& cut) {
  holders_.add_uuid(cut.holder);
  firsts_.add_int8(to_bigint(cut.first));
  lasts_.add_int8(to_bigint(cut.last));
  counts_.add_int8(to_bigint(cut.most));
  empty_ = false;
}

Result<std::vector<PostgresRemoval::Removed>> PostgresRemoval::remove(
    PostgresConnection& connection, std::int64_t life, std::uint64_t most) && {
  PostgresParameters parameters;
  parameters.add_array(PostgresType::uuid_array, std::move(holders_));
  for (auto* numbers : {&firsts_, &lasts_, &counts_})
    parameters.add_array(PostgresType::int8_array, std::move(*numbers));
  parameters.add_int8(to_bigint(most));
  parameters.add_int8(life);
  connection.send("BEGIN");
  connection.send("SET LOCAL synchronous_commit = off");
  connection.send_prepared(remove_events, parameters);
  connection.send("COMMIT");
  connection.sync();
  std::vector<Removed> removed;
  for (int statement = 0; statement < 4; ++statement) {
    const auto rows = connection.take(PostgresConnection::no_deadline);
    if (!rows) return rows.error();
    for (int row = 0; row < rows->count(); ++row)
      removed.push_back({.holder = rows->uuid(row, 0),
                         .events = static_cast<std::uint64_t>(rows->int8(row, 1)),
                         .bytes = static_cast<std::uint64_t>(rows->int8(row, 2))});
  }
  if (auto ended = connection.take_sync(PostgresConnection::no_deadline); !ended)
    return ended.error();
  return removed;
}

}  // namespace carillon::persistence
