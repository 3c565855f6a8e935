#include "persistence/src/postgres_import.hpp"

#include "persistence/src/holder.hpp"
#include "persistence/src/new_identity.hpp"
#include "persistence/src/postgres_event.hpp"
#include "persistence/src/postgres_positions.hpp"
#include "persistence/src/postgres_sums.hpp"

#include <set>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::EventId;
using engine::Result;
using engine::Sequence;
using engine::UserId;

constexpr const char* setup_sql = R"(
SET lock_timeout = '10s'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
SET idle_session_timeout = 0; SET jit = off;
SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off;
)";

constexpr const char* imports_sql =
    "CREATE TABLE IF NOT EXISTS carillon.imports"
    " (epoch bigint PRIMARY KEY, sequence_offset bigint NOT NULL);"
    "COMMENT ON TABLE carillon.imports IS"
    " 'what was added to the sequences of stores that were imported, by their epochs'";

constexpr const char* begin_sql = R"(
SELECT reserved_until, NOT EXISTS (SELECT FROM carillon.events),
       (SELECT sequence_offset FROM carillon.imports WHERE epoch = $1)
  FROM carillon.meta
)";

constexpr const char* remember_sql =
    "INSERT INTO carillon.imports VALUES ($1, $2) ON CONFLICT DO NOTHING";
constexpr const char* new_life_sql =
    "UPDATE carillon.meta SET epoch = $1, reserved_until = $2, life = life + 1";
constexpr const char* identity_sql = "UPDATE carillon.meta SET system_id = $1, local_user = $2";

constexpr const char* known_sql = R"(
SELECT n FROM unnest($1::bigint[], $2::uuid[], $3::uuid[]) AS row (n, i, u)
 WHERE EXISTS (SELECT FROM carillon.events e WHERE e.id = i AND e.user_id = u)
)";

constexpr const char* states_sql = R"(
UPDATE carillon.events e SET status = s, updated_at = t, deleted_at = d, changed = c
  FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::timestamptz[], $5::timestamptz[],
              $6::bigint[]) AS row (u, n, s, t, d, c)
 WHERE e.user_id = u AND e.sequence = n
)";

/// Of each mark whose broadcast is there: its number, and whether it was put.
constexpr const char* marks_sql = R"(
WITH asked AS (
  SELECT n, u, e.sequence, s, t, d, coalesce(c, e.sequence) AS c
    FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::smallint[], $5::timestamptz[],
                $6::timestamptz[], $7::bigint[]) AS row (n, u, i, s, t, d, c)
    JOIN carillon.events e
      ON e.id = i AND e.user_id = '00000000-0000-0000-0000-000000000000'),
put AS (
  INSERT INTO carillon.marks (user_id, sequence, status, updated_at, deleted_at, changed)
  SELECT DISTINCT ON (u, sequence) u, sequence, s, t, d, c FROM asked ORDER BY u, sequence, n
      ON CONFLICT DO NOTHING RETURNING user_id, sequence)
SELECT n, EXISTS (SELECT FROM put WHERE put.user_id = u AND put.sequence = asked.sequence)
             AND n = min(n) OVER (PARTITION BY u, asked.sequence)
  FROM asked
)";

/// Nobody reads meanwhile, and the sums of all events are a matter of seconds.
std::string sum_up_sql() {
  return std::string{
             "TRUNCATE carillon.counts;"
             "INSERT INTO carillon.counts"
             " (user_id, severity, category, action, unread, read, deleted)"} +
         postgres_sums_sql + ";" + postgres_total_sql();
}

void add_time(PostgresArray& array, const std::optional<engine::Timestamp>& time) {
  if (time) {
    array.add_time(*time);
  } else {
    array.add_null();
  }
}

Result<void> write(PostgresConnection& connection, PostgresPositions&& positions) {
  if (positions.empty()) return {};
  const auto placed = connection.run(PostgresPositions::sql, std::move(positions).take());
  if (!placed) return placed.error();
  return {};
}

}  // namespace

Result<std::unique_ptr<ImportTarget>> PostgresImport::open(const std::string& url) {
  const auto target = parse_postgres_url(url);
  if (!target) return target.error();
  auto connection = PostgresConnection::open(*target, setup_sql);
  if (!connection) return connection.error();
  if (auto locked = wait_for_lock(**connection, target->shown); !locked) return locked.error();
  if (auto made = make_schema(**connection, target->shown, {}); !made) return made.error();
  return std::unique_ptr<ImportTarget>{new PostgresImport{std::move(*connection)}};
}

Result<bool> PostgresImport::begin(const ExportHeader& header) {
  if (auto begun = connection_->run("BEGIN"); !begun) return begun.error();
  if (auto made = connection_->run_script(imports_sql); !made) return made.error();
  PostgresParameters epoch;
  epoch.add_int8(to_bigint(header.epoch));
  const auto rows = connection_->run(begin_sql, epoch);
  if (!rows) return rows.error();
  const bool empty = rows->boolean(0, 1);
  const auto shift = SequenceShift::choose(
      rows->is_null(0, 2) ? std::nullopt : std::optional{static_cast<Sequence>(rows->int8(0, 2))},
      empty, static_cast<Sequence>(rows->int8(0, 0)), header.last_sequence);
  if (!shift) return shift.error();
  shift_ = *shift;

  PostgresParameters remembered;
  remembered.add_int8(to_bigint(header.epoch));
  remembered.add_int8(to_bigint(shift_.offset));
  if (auto done = connection_->run(remember_sql, remembered); !done) return done.error();
  PostgresParameters life;
  life.add_int8(to_bigint(new_epoch()));
  life.add_int8(to_bigint(shift_.reserved_until));
  if (auto done = connection_->run(new_life_sql, life); !done) return done.error();
  if (empty) {
    PostgresParameters identity;
    identity.add_uuid(header.identity.system_id);
    identity.add_uuid(header.identity.local_user);
    if (auto done = connection_->run(identity_sql, identity); !done) return done.error();
  }
  return shift_.offset == 0;
}

Result<std::vector<ImportOutcome>> PostgresImport::put(std::span<const ImportItem> items) {
  std::vector<ImportOutcome> outcomes(items.size(), ImportOutcome::imported);
  if (auto done = put_events(items, outcomes); !done) return done.error();
  if (auto done = put_marks(items, outcomes); !done) return done.error();
  return outcomes;
}

Result<void> PostgresImport::find_known(std::span<const ImportItem> items,
                                        std::vector<ImportOutcome>& outcomes) {
  PostgresArray numbers{PostgresType::int8};
  PostgresArray ids{PostgresType::uuid};
  PostgresArray users{PostgresType::uuid};
  std::set<std::pair<EventId, UserId>> seen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto* event = std::get_if<ImportedEvent>(&items[i].what);
    if (event == nullptr) continue;
    const auto& view = event->event->view();
    if (!seen.emplace(view.id, holder_of(view)).second) outcomes[i] = ImportOutcome::known;
    numbers.add_int8(static_cast<std::int64_t>(i));
    ids.add_uuid(view.id);
    users.add_uuid(holder_of(view));
  }
  if (seen.empty()) return {};
  PostgresParameters parameters;
  parameters.add_array(PostgresType::int8_array, std::move(numbers));
  parameters.add_array(PostgresType::uuid_array, std::move(ids));
  parameters.add_array(PostgresType::uuid_array, std::move(users));
  const auto known = connection_->run(known_sql, parameters);
  if (!known) return known.error();
  for (int row = 0; row < known->count(); ++row)
    outcomes[static_cast<std::size_t>(known->int8(row, 0))] = ImportOutcome::known;
  return {};
}

Result<void> PostgresImport::put_events(std::span<const ImportItem> items,
                                        std::vector<ImportOutcome>& outcomes) {
  if (auto found = find_known(items, outcomes); !found) return found;
  PostgresEventRows rows;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto* event = std::get_if<ImportedEvent>(&items[i].what);
    if (event != nullptr && outcomes[i] == ImportOutcome::imported)
      rows.add(*event->event, event->view(event->sequence + shift_.offset));
  }
  if (rows.count() == 0) return {};
  const auto inserted =
      connection_->run(PostgresEventRows::insert_sql().c_str(), std::move(rows).take());
  if (!inserted) return inserted.error();
  return set_states(items, outcomes);
}

Result<void> PostgresImport::set_states(std::span<const ImportItem> items,
                                        const std::vector<ImportOutcome>& outcomes) {
  PostgresArray users{PostgresType::uuid};
  PostgresArray sequences{PostgresType::int8};
  PostgresArray statuses{PostgresType::int2};
  PostgresArray updated{PostgresType::timestamptz};
  PostgresArray deleted{PostgresType::timestamptz};
  PostgresArray changes{PostgresType::int8};
  PostgresPositions positions;
  bool any = false;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto* event = std::get_if<ImportedEvent>(&items[i].what);
    if (event == nullptr || outcomes[i] != ImportOutcome::imported || !event->changed()) continue;
    any = true;
    users.add_uuid(event->event->owner());
    sequences.add_int8(to_bigint(event->sequence + shift_.offset));
    statuses.add_int2(static_cast<std::int16_t>(event->state.status));
    updated.add_time(event->state.updated_at);
    add_time(deleted, event->state.deleted_at);
    const auto change = event->change.value_or(event->sequence) + shift_.offset;
    changes.add_int8(to_bigint(change));
    positions.add(event->event->owner(), change);
  }
  if (!any) return {};
  PostgresParameters parameters;
  parameters.add_array(PostgresType::uuid_array, std::move(users));
  parameters.add_array(PostgresType::int8_array, std::move(sequences));
  parameters.add_array(PostgresType::int2_array, std::move(statuses));
  parameters.add_array(PostgresType::timestamptz_array, std::move(updated));
  parameters.add_array(PostgresType::timestamptz_array, std::move(deleted));
  parameters.add_array(PostgresType::int8_array, std::move(changes));
  if (const auto set = connection_->run(states_sql, parameters); !set) return set.error();
  return write(*connection_, std::move(positions));
}

Result<void> PostgresImport::put_marks(std::span<const ImportItem> items,
                                       std::vector<ImportOutcome>& outcomes) {
  PostgresArray numbers{PostgresType::int8};
  PostgresArray users{PostgresType::uuid};
  PostgresArray ids{PostgresType::uuid};
  PostgresArray statuses{PostgresType::int2};
  PostgresArray updated{PostgresType::timestamptz};
  PostgresArray deleted{PostgresType::timestamptz};
  PostgresArray changes{PostgresType::int8};
  bool any = false;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto* mark = std::get_if<ExportedMark>(&items[i].what);
    if (mark == nullptr) continue;
    any = true;
    outcomes[i] = ImportOutcome::no_broadcast;
    numbers.add_int8(static_cast<std::int64_t>(i));
    users.add_uuid(mark->user);
    ids.add_uuid(mark->broadcast);
    statuses.add_int2(static_cast<std::int16_t>(mark->state.status));
    updated.add_time(mark->state.updated_at);
    add_time(deleted, mark->state.deleted_at);
    if (mark->change) {
      changes.add_int8(to_bigint(*mark->change + shift_.offset));
    } else {
      changes.add_null();
    }
  }
  if (!any) return {};
  PostgresParameters parameters;
  parameters.add_array(PostgresType::int8_array, std::move(numbers));
  parameters.add_array(PostgresType::uuid_array, std::move(users));
  parameters.add_array(PostgresType::uuid_array, std::move(ids));
  parameters.add_array(PostgresType::int2_array, std::move(statuses));
  parameters.add_array(PostgresType::timestamptz_array, std::move(updated));
  parameters.add_array(PostgresType::timestamptz_array, std::move(deleted));
  parameters.add_array(PostgresType::int8_array, std::move(changes));
  const auto put = connection_->run(marks_sql, parameters);
  if (!put) return put.error();
  PostgresPositions positions;
  for (int row = 0; row < put->count(); ++row) {
    const auto item = static_cast<std::size_t>(put->int8(row, 0));
    const bool imported = put->boolean(row, 1);
    outcomes[item] = imported ? ImportOutcome::imported : ImportOutcome::known;
    const auto& mark = std::get<ExportedMark>(items[item].what);
    if (imported && mark.change) positions.add(mark.user, *mark.change + shift_.offset);
  }
  return write(*connection_, std::move(positions));
}

Result<void> PostgresImport::finish() {
  if (auto counted = connection_->run_script(sum_up_sql()); !counted) return counted;
  if (const auto committed = connection_->run("COMMIT"); !committed) return committed.error();
  // The planner knows nothing yet of tables that were empty a moment ago.
  if (const auto analyzed =
          connection_->run_script("ANALYZE carillon.events; ANALYZE carillon.marks");
      !analyzed)
    return analyzed;
  return {};
}

}  // namespace carillon::persistence
