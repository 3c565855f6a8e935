#include "persistence/src/postgres_verify.hpp"

#include "persistence/src/postgres_event.hpp"
#include "persistence/src/postgres_snapshot.hpp"
#include "persistence/src/postgres_sums.hpp"

#include <array>
#include <string>
#include <vector>

namespace carillon::persistence {
namespace {

using engine::Result;

/// Counts and kinds are sums over carillon.counts, so this is both.
std::string wrong_counts_sql() {
  return std::string{"WITH sums AS ("} + postgres_sums_sql + R"()
SELECT format('carillon.counts of user %s, severity %s, %s/%s', user_id, severity, category, action),
       format('says %s unread, %s read and %s deleted, its events add up to %s, %s and %s',
              coalesce(n.unread, 0), coalesce(n.read, 0), coalesce(n.deleted, 0),
              coalesce(s.unread, 0), coalesce(s.read, 0), coalesce(s.deleted, 0))
  FROM sums s FULL JOIN carillon.counts n USING (user_id, severity, category, action)
 WHERE (coalesce(n.unread, 0), coalesce(n.read, 0), coalesce(n.deleted, 0))
       <> (coalesce(s.unread, 0), coalesce(s.read, 0), coalesce(s.deleted, 0))
 ORDER BY 1 LIMIT 1000
)";
}

std::string wrong_total_sql() {
  return std::string{R"(
SELECT 'carillon.meta', format('says %s events of %s bytes, and there are %s of %s',
                               m.events, m.event_bytes, s.events, s.bytes)
  FROM carillon.meta m, (SELECT count(*) AS events, coalesce(sum()"} +
         postgres_event_bytes_sql + R"(), 0) AS bytes FROM carillon.events e) s
 WHERE m.events <> s.events OR m.event_bytes <> s.bytes
)";
}

/// Each returns the faults that it finds: where, what. As many as are worth reading.
constexpr std::array fault_queries{
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
                         const std::string& sql,
                         StoreFindings& findings,
                         const std::function<void(const StoreFault&)>& on_fault) {
  const auto rows = connection.run(sql.c_str());
  if (!rows) return rows.error();
  findings.faults += static_cast<std::uint64_t>(rows->count());
  for (int row = 0; row < rows->count(); ++row)
    on_fault({.where = std::string{rows->text(row, 0)}, .what = std::string{rows->text(row, 1)}});
  return {};
}

}  // namespace

Result<StoreFindings> verify_postgres(const std::string& url,
                                      const std::function<void(const StoreFault&)>& on_fault) {
  const auto opened = open_postgres_snapshot(url);
  if (!opened) return opened.error();
  auto& connection = **opened;
  StoreFindings findings;
  findings.unchecked.emplace_back("checksums of pages (pg_amcheck does)");
  findings.unchecked.emplace_back("whether metadata is JSON");
  std::vector<std::string> queries{wrong_counts_sql(), wrong_total_sql()};
  queries.insert(queries.end(), fault_queries.begin(), fault_queries.end());
  for (const auto& sql : queries)
    if (auto done = find_faults(connection, sql, findings, on_fault); !done) return done.error();
  const auto sums = connection.run(sums_sql);
  if (!sums) return sums.error();
  int column = 0;
  for (auto* figure : {&findings.users, &findings.events, &findings.broadcasts, &findings.deleted,
                       &findings.marks, &findings.bytes})
    *figure = static_cast<std::uint64_t>(sums->int8(0, column++));
  return findings;
}

}  // namespace carillon::persistence
