#include "persistence/src/postgres_change.hpp"

#include "persistence/src/postgres_filter.hpp"

#include <unordered_set>

namespace carillon::persistence {
namespace {

using engine::Change;

constexpr const char* mark_by_ids = "mark_by_ids";
constexpr const char* remove_by_ids = "remove_by_ids";

/// What every change has as its first parameters; $4 is unused by a deletion.
PostgresParameters parameters_of(const Change& change) {
  PostgresParameters parameters;
  parameters.add_uuid(change.user);
  parameters.add_int8(to_bigint(change.sequence));
  parameters.add_time(change.at);
  parameters.add_int2(static_cast<std::int16_t>(change.status));
  return parameters;
}

/// `own` and `broadcast`: conditions on `e`, beginning with AND. The status of a
/// row is e.status of an own event, `broadcast_status` of a broadcast.
constexpr const char* broadcast_status = "coalesce(m.status, e.status)";

std::string change_sql(Change::Kind kind, const std::string& own, const std::string& broadcast) {
  const bool remove = kind == Change::Kind::remove;
  const std::string broadcasts = broadcasts_sql;
  const std::string columns = "e.sequence, e.id, e.severity, e.category, e.action";
  std::string sql = "WITH found AS (SELECT " + columns +
                    ", e.status, false AS broadcast FROM carillon.events e"
                    " WHERE e.user_id = $1 AND e.deleted_at IS NULL" +
                    own + " UNION ALL SELECT " + columns + ", " + broadcast_status +
                    ", true FROM carillon.events e LEFT JOIN carillon.marks m"
                    " ON m.user_id = $1 AND m.sequence = e.sequence WHERE e.user_id = " +
                    broadcasts + " AND m.deleted_at IS NULL" + broadcast + "), changed AS (SELECT" +
                    " * FROM found" + (remove ? "" : " WHERE status <> $4") + "), ";
  sql += "own AS (UPDATE carillon.events e SET changed = $2, updated_at = $3, ";
  sql += remove ? "deleted_at = $3" : "status = $4";
  sql +=
      " FROM changed c WHERE NOT c.broadcast AND e.user_id = $1 AND e.sequence = c.sequence), "
      "marked AS (INSERT INTO carillon.marks"
      " (user_id, sequence, status, updated_at, deleted_at, changed) SELECT $1, sequence, ";
  sql += remove ? "status, $3, $3, $2" : "$4, $3, NULL, $2";
  sql +=
      " FROM changed WHERE broadcast ON CONFLICT (user_id, sequence) DO UPDATE SET "
      "status = excluded.status, updated_at = excluded.updated_at, "
      "deleted_at = excluded.deleted_at, changed = excluded.changed), "
      "counted AS (INSERT INTO carillon.counts AS n"
      " (user_id, severity, category, action, unread, read, deleted) "
      "SELECT $1, severity, category, action, ";
  sql += remove ? "-count(*) FILTER (WHERE status = 0), -count(*) FILTER (WHERE status = 1),"
                  " count(*)"
                : "CASE WHEN $4 = 0 THEN count(*) ELSE -count(*) END,"
                  " CASE WHEN $4 = 1 THEN count(*) ELSE -count(*) END, 0";
  sql +=
      " FROM changed GROUP BY severity, category, action "
      "ON CONFLICT (user_id, severity, category, action) DO UPDATE SET "
      "unread = n.unread + excluded.unread, read = n.read + excluded.read, "
      "deleted = n.deleted + excluded.deleted), "
      "placed AS (INSERT INTO carillon.positions AS p (user_id, last_change) VALUES ($1, $2) "
      "ON CONFLICT (user_id) DO UPDATE SET "
      "last_change = greatest(p.last_change, excluded.last_change)) "
      "SELECT id FROM found ORDER BY sequence";
  return sql;
}

/// An id means the user's own event before a broadcast.
std::string by_ids_sql(Change::Kind kind) {
  // $4 is named, so that its type is known even where it is not used.
  return change_sql(
      kind, " AND e.id = ANY ($5) AND $4 IS NOT NULL",
      " AND e.id = ANY ($5) AND NOT EXISTS (SELECT FROM carillon.events o WHERE o.id = e.id"
      " AND o.user_id = $1 AND o.deleted_at IS NULL)");
}

const std::vector<Oid>& by_ids_types() {
  static const std::vector<Oid> types = [] {
    auto parameters = parameters_of({});
    parameters.add_uuids({});
    return parameters.types();
  }();
  return types;
}

void send_by_filter(PostgresConnection& connection, const Change& change) {
  auto parameters = parameters_of(change);
  std::string own = " AND $4 IS NOT NULL";
  std::string broadcast;
  if (!change.filter) {
    own += " AND false";
    broadcast = " AND false";
  } else {
    const PostgresFilter filter{*change.filter, parameters};
    own += filter.conditions("e.status");
    broadcast = filter.conditions(broadcast_status);
  }
  if (change.up_to) {
    own += " AND e.sequence <= " + placeholder(parameters.add_int8(to_bigint(change.up_to->user)));
    broadcast += " AND e.sequence <= " +
                 placeholder(parameters.add_int8(to_bigint(change.up_to->broadcast)));
  }
  connection.send(change_sql(change.kind, own, broadcast).c_str(), parameters);
}

}  // namespace

void prepare_changes(PostgresConnection& connection) {
  connection.prepare(mark_by_ids, by_ids_sql(Change::Kind::set_status).c_str(), by_ids_types());
  connection.prepare(remove_by_ids, by_ids_sql(Change::Kind::remove).c_str(), by_ids_types());
}

void send_change(PostgresConnection& connection, const Change& change) {
  if (change.ids.empty()) return send_by_filter(connection, change);
  auto parameters = parameters_of(change);
  parameters.add_uuids(change.ids);
  connection.send_prepared(change.kind == Change::Kind::remove ? remove_by_ids : mark_by_ids,
                           parameters);
}

void fill_affected(Change& change, const PostgresRows& rows) {
  change.affected.clear();
  if (change.ids.empty()) {
    for (int row = 0; row < rows.count(); ++row)
      change.affected.push_back(rows.uuid(row, 0));
    return;
  }
  std::unordered_set<engine::EventId> found;
  for (int row = 0; row < rows.count(); ++row)
    found.insert(rows.uuid(row, 0));
  for (const auto& id : change.ids)
    if (found.erase(id) != 0) change.affected.push_back(id);
}

}  // namespace carillon::persistence
