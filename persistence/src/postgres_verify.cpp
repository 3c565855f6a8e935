#include "persistence/src/postgres_verify.hpp"

#include "persistence/src/postgres_connection.hpp"
#include "persistence/src/postgres_schema.hpp"

#include <array>

namespace carillon::persistence {
namespace {

using engine::Result;

constexpr const char* setup_sql = R"(
SET statement_timeout = 0; SET lock_timeout = '10s'; SET idle_session_timeout = 0; SET jit = off;
SET default_transaction_isolation = 'repeatable read'; SET default_transaction_read_only = on;
)";

/// Each returns the faults that it finds: where, what. As many as are worth reading.
constexpr std::array fault_queries{
    // Counts and kinds are sums over carillon.counts, so this is both.
    R"(
WITH sums AS (
  SELECT user_id, severity, category, action,
         sum(unread)::bigint AS unread, sum(read)::bigint AS read
    FROM (SELECT user_id, severity, category, action,
                 (status = 0)::int AS unread, (status = 1)::int AS read
            FROM carillon.events WHERE deleted_at IS NULL
          UNION ALL
          SELECT m.user_id, e.severity, e.category, e.action,
                 (m.status = 0 AND m.deleted_at IS NULL)::int - (e.status = 0)::int,
                 (m.status = 1 AND m.deleted_at IS NULL)::int - (e.status = 1)::int
            FROM carillon.marks m JOIN carillon.events e
              ON e.user_id = '00000000-0000-0000-0000-000000000000' AND e.sequence = m.sequence
         ) AS each GROUP BY user_id, severity, category, action)
SELECT format('carillon.counts of user %s, severity %s, %s/%s', user_id, severity, category, action),
       format('says %s unread and %s read, its events add up to %s and %s', coalesce(n.unread, 0),
              coalesce(n.read, 0), coalesce(s.unread, 0), coalesce(s.read, 0))
  FROM sums s FULL JOIN carillon.counts n USING (user_id, severity, category, action)
 WHERE coalesce(n.unread, 0) <> coalesce(s.unread, 0) OR coalesce(n.read, 0) <> coalesce(s.read, 0)
 ORDER BY 1 LIMIT 1000
)",
    R"(
SELECT format('carillon.marks of user %s, sequence %s', m.user_id, m.sequence),
       'belongs to no broadcast'
  FROM carillon.marks m
 WHERE NOT EXISTS (SELECT FROM carillon.events e
                    WHERE e.user_id = '00000000-0000-0000-0000-000000000000'
                      AND e.sequence = m.sequence)
 ORDER BY 1 LIMIT 1000
)",
    R"(
SELECT format('carillon.events of user %s, sequence %s', user_id, sequence),
       format('lies beyond the reserved sequences, which end at %s', reserved_until)
  FROM carillon.events, carillon.meta WHERE sequence < 1 OR sequence > reserved_until
UNION ALL
SELECT format('carillon.positions of user %s', user_id),
       format('end at sequence %s, beyond the reserved ones, which end at %s', last_change,
              reserved_until)
  FROM carillon.positions, carillon.meta WHERE last_change < 1 OR last_change > reserved_until
 LIMIT 1000
)",
    R"(
SELECT format('carillon.events of user %s, sequence %s', user_id, sequence),
       'holds a value that no event has'
  FROM carillon.events
 WHERE severity NOT BETWEEN 0 AND 7 OR status NOT BETWEEN 0 AND 1
    OR (broadcast_owner IS NOT NULL) <> (user_id = '00000000-0000-0000-0000-000000000000')
    OR category !~ '^[a-z0-9]+(_[a-z0-9]+)*$' OR action !~ '^[a-z0-9]+(_[a-z0-9]+)*$'
    OR (deleted_at IS NOT NULL AND user_id = '00000000-0000-0000-0000-000000000000')
 ORDER BY 1 LIMIT 1000
)"};

constexpr const char* sums_sql = R"(
SELECT (SELECT count(DISTINCT user_id) FROM carillon.counts
         WHERE user_id <> '00000000-0000-0000-0000-000000000000'),
       count(*) FILTER (WHERE user_id <> '00000000-0000-0000-0000-000000000000'),
       count(*) FILTER (WHERE user_id = '00000000-0000-0000-0000-000000000000'),
       count(*) FILTER (WHERE deleted_at IS NOT NULL),
       (SELECT count(*) FROM carillon.marks),
       (SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
         WHERE relnamespace = 'carillon'::regnamespace AND relkind = 'r')
  FROM carillon.events
)";

Result<void> find_faults(PostgresConnection& connection,
                         StoreFindings& findings,
                         const std::function<void(const StoreFault&)>& on_fault) {
  for (const auto* sql : fault_queries) {
    const auto rows = connection.run(sql);
    if (!rows) return rows.error();
    findings.faults += static_cast<std::uint64_t>(rows->count());
    for (int row = 0; row < rows->count(); ++row)
      on_fault({.where = std::string{rows->text(row, 0)}, .what = std::string{rows->text(row, 1)}});
  }
  return {};
}

}  // namespace

Result<StoreFindings> verify_postgres(const std::string& url,
                                      const std::function<void(const StoreFault&)>& on_fault) {
  const auto target = parse_postgres_url(url);
  if (!target) return target.error();
  const auto opened = PostgresConnection::open(*target, setup_sql);
  if (!opened) return opened.error();
  auto& connection = **opened;
  if (auto begun = connection.run("BEGIN"); !begun) return begun.error();
  if (auto known = check_schema(connection, target->shown); !known) return known.error();

  StoreFindings findings;
  findings.unchecked.emplace_back("checksums of pages (pg_amcheck does)");
  findings.unchecked.emplace_back("whether metadata is JSON");
  if (auto done = find_faults(connection, findings, on_fault); !done) return done.error();
  const auto sums = connection.run(sums_sql);
  if (!sums) return sums.error();
  int column = 0;
  for (auto* figure : {&findings.users, &findings.events, &findings.broadcasts, &findings.deleted,
                       &findings.marks, &findings.bytes})
    *figure = static_cast<std::uint64_t>(sums->int8(0, column++));
  return findings;
}

}  // namespace carillon::persistence
