#include "persistence/src/postgres_queries.hpp"

#include "persistence/src/postgres_event.hpp"
#include "persistence/src/postgres_filter.hpp"

namespace carillon::persistence {
namespace {

using engine::Aggregate;
using engine::Errc;
using engine::EventId;
using engine::Kind;
using engine::Result;
using engine::UserId;
using Deadline = PostgresConnection::Clock::time_point;

/// One statement as a group of its own.
Result<PostgresRows> query(PostgresConnection& connection,
                           Deadline deadline,
                           const std::string& sql,
                           const PostgresParameters& parameters) {
  connection.send(sql.c_str(), parameters);
  connection.sync();
  auto rows = connection.take(deadline);
  if (!rows) return rows;
  if (auto ended = connection.take_sync(deadline); !ended) return ended.error();
  return rows;
}

/// The user's own event, or one that it published to everybody.
const std::string& own_event_sql() {
  static const std::string sql = std::string{"SELECT "} + postgres_event_columns +
                                 ", e.status, e.updated_at, e.deleted_at FROM carillon.events e"
                                 " WHERE e.id = $2 AND e.user_id = $1";
  return sql;
}

const std::string& inbox_event_sql() {
  static const std::string sql =
      own_event_sql() + " AND e.deleted_at IS NULL UNION ALL (SELECT " + postgres_event_columns +
      ", coalesce(m.status, e.status), coalesce(m.updated_at, e.updated_at), m.deleted_at"
      " FROM carillon.events e LEFT JOIN carillon.marks m"
      " ON m.user_id = $1 AND m.sequence = e.sequence"
      " WHERE e.id = $2 AND e.user_id = " +
      broadcasts_sql + " AND m.deleted_at IS NULL) LIMIT 1";
  return sql;
}

PostgresParameters user_and_id(const UserId& user, const EventId& id) {
  PostgresParameters parameters;
  parameters.add_uuid(user);
  parameters.add_uuid(id);
  return parameters;
}

}  // namespace

Result<std::string> read_event(PostgresConnection& connection,
                               Deadline deadline,
                               const UserId& user,
                               const EventId& id) {
  const auto rows = query(connection, deadline, inbox_event_sql(), user_and_id(user, id));
  if (!rows) return rows.error();
  if (rows->count() == 0) return Errc::not_found;
  return postgres_event_json(*rows, 0);
}

Result<std::optional<std::string>> read_published(PostgresConnection& connection,
                                                  Deadline deadline,
                                                  const UserId& owner,
                                                  const EventId& id) {
  const auto rows = query(connection, deadline, own_event_sql(), user_and_id(owner, id));
  if (!rows) return rows.error();
  if (rows->count() == 0) return std::optional<std::string>{};
  return std::optional{postgres_event_json(*rows, 0)};
}

Result<Aggregate> read_aggregate(PostgresConnection& connection,
                                 Deadline deadline,
                                 const UserId& user) {
  PostgresParameters parameters;
  parameters.add_uuid(user);
  const auto rows = query(connection, deadline,
                          std::string{"SELECT severity, category, sum(unread)::bigint,"
                                      " sum(read)::bigint FROM carillon.counts"
                                      " WHERE user_id IN ($1, "} +
                              broadcasts_sql + ") GROUP BY severity, category",
                          parameters);
  if (!rows) return rows.error();
  Aggregate aggregate;
  for (int row = 0; row < rows->count(); ++row) {
    const auto unread = static_cast<std::uint64_t>(rows->int8(row, 2));
    const auto read = static_cast<std::uint64_t>(rows->int8(row, 3));
    if (unread + read == 0) continue;
    aggregate.total += unread + read;
    aggregate.by_status[static_cast<std::size_t>(engine::Status::unread)] += unread;
    aggregate.by_status[static_cast<std::size_t>(engine::Status::read)] += read;
    aggregate.by_severity[static_cast<std::size_t>(rows->int2(row, 0) & 7)] += unread + read;
    aggregate.by_category[std::string{rows->text(row, 1)}] += unread + read;
  }
  return aggregate;
}

Result<std::vector<Kind>> read_kinds(PostgresConnection& connection,
                                     Deadline deadline,
                                     const UserId& user) {
  PostgresParameters parameters;
  parameters.add_uuid(user);
  const auto rows = query(connection, deadline,
                          std::string{"SELECT category, action FROM carillon.counts"
                                      " WHERE user_id IN ($1, "} +
                              broadcasts_sql +
                              ") GROUP BY category, action HAVING sum(unread + read) > 0"
                              " ORDER BY category, action",
                          parameters);
  if (!rows) return rows.error();
  std::vector<Kind> kinds;
  kinds.reserve(static_cast<std::size_t>(rows->count()));
  for (int row = 0; row < rows->count(); ++row)
    kinds.push_back(
        {.category = std::string{rows->text(row, 0)}, .action = std::string{rows->text(row, 1)}});
  return kinds;
}

}  // namespace carillon::persistence
