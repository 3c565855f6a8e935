#include "persistence/src/postgres_migrations.hpp"

#include "persistence/src/postgres_event.hpp"
#include "persistence/src/postgres_schema.hpp"
#include "persistence/src/postgres_sums.hpp"

#include <array>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::LogField;
using engine::LogLevel;
using engine::Result;

/// What retention finds its work by, and what it must keep exact. The comments follow the
/// tables' own. Changes from before have no sequence: `changed` stays NULL there, and the
/// user's latest change stands for it when the event is removed.
std::string retention_sql() {
  return std::string{R"(
ALTER TABLE carillon.meta ADD COLUMN events bigint NOT NULL DEFAULT 0,
  ADD COLUMN event_bytes bigint NOT NULL DEFAULT 0;
ALTER TABLE carillon.events ADD COLUMN changed bigint, ADD COLUMN aged_at timestamptz;
ALTER TABLE carillon.marks ADD COLUMN changed bigint;
ALTER TABLE carillon.counts ADD COLUMN deleted bigint NOT NULL DEFAULT 0;
ALTER TABLE carillon.positions ADD COLUMN horizon bigint NOT NULL DEFAULT 0;

UPDATE carillon.events SET aged_at = created_at
 WHERE substr(id::text, 15, 1) <> '7'
    OR abs(('x' || lpad(replace(left(id::text, 13), '-', ''), 16, '0'))::bit(64)::bigint
           - floor(extract(epoch FROM created_at) * 1000)::bigint) > 1000;
CREATE INDEX events_deleted ON carillon.events (deleted_at, user_id, sequence)
  WHERE deleted_at IS NOT NULL;
CREATE INDEX events_aged ON carillon.events (aged_at, user_id, sequence)
  WHERE aged_at IS NOT NULL;
CREATE INDEX marks_broadcast ON carillon.marks (sequence);

UPDATE carillon.counts n SET deleted = s.deleted FROM ()"} +
         postgres_sums_sql + R"() s
 WHERE s.deleted <> 0 AND n.user_id = s.user_id AND n.severity = s.severity
   AND n.category = s.category AND n.action = s.action;
)" + postgres_total_sql() +
         R"(
COMMENT ON COLUMN carillon.meta.events IS 'rows of carillon.events';
COMMENT ON COLUMN carillon.meta.event_bytes IS 'their size, as retention_bytes counts it';
COMMENT ON COLUMN carillon.events.changed IS 'sequence of the latest change, since schema version 2';
COMMENT ON COLUMN carillon.events.aged_at IS 'created_at, where the id does not begin with that time';
COMMENT ON COLUMN carillon.marks.changed IS 'sequence of the latest change, since schema version 2';
COMMENT ON TABLE carillon.counts IS 'number of events; a user''s rows plus those of the nil UUID are its inbox';
COMMENT ON COLUMN carillon.counts.deleted IS 'events and broadcasts that the user deleted; with unread and read the user''s rows of carillon.events';
COMMENT ON TABLE carillon.positions IS 'sequence of the user''s latest change, or event that is gone; the nil UUID has the broadcasts';
COMMENT ON COLUMN carillon.positions.horizon IS 'up to which sequence events and changes may have been removed';
)";
}

/// One step, from a version to the next one.
struct Step {
  std::int64_t from;
  const char* what;
  std::string (*script)();
};

/// In ascending order, without gaps up to postgres_schema_version.
constexpr std::array steps{
    Step{.from = 1, .what = "what retention finds old events by", .script = retention_sql},
};
static_assert(steps.back().from + 1 == postgres_schema_version,
              "a step leads to the present version");

Result<void> run_step(PostgresConnection& connection,
                      const Step& step,
                      const std::string& shown_url,
                      const engine::LogSink& log) {
  const auto to = std::to_string(step.from + 1);
  if (log) {
    const std::array fields{
        LogField{.key = "store", .value = shown_url},
        LogField{.key = "from", .value = std::to_string(step.from)},
        LogField{.key = "to", .value = to},
        LogField{.key = "what", .value = step.what},
    };
    log(LogLevel::warning, "the store is migrated; older programs will not open it any more",
        fields);
  }
  // The writer's session forbids what joins and sums of whole tables need.
  auto done = connection.run_script(
      "BEGIN; SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;"
      " SET LOCAL enable_mergejoin = on;" +
      step.script() + "UPDATE carillon.meta SET schema_version = " + to + "; COMMIT;");
  if (!done)
    return Error{done.error().code, "The store " + shown_url + " can't be migrated to version " +
                                        to + ", and is as it was: " + done.error().text()};
  return {};
}

}  // namespace

Result<void> migrate_postgres(PostgresConnection& connection,
                              std::int64_t from,
                              const std::string& shown_url,
                              const engine::LogSink& log) {
  if (from > postgres_schema_version || from < steps.front().from)
    return Error{Errc::unsupported_version,
                 "The schema carillon in " + shown_url + " has version " + std::to_string(from) +
                     ", and this program reads versions " + std::to_string(steps.front().from) +
                     " to " + std::to_string(postgres_schema_version) +
                     ": start the release of Carillon that fits, or name another database"};
  for (const auto& step : steps) {
    if (step.from < from) continue;
    if (auto done = run_step(connection, step, shown_url, log); !done) return done;
  }
  return {};
}

}  // namespace carillon::persistence
