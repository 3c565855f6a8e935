#include "persistence/src/postgres_schema.hpp"

#include "persistence/src/new_identity.hpp"

#include <utility>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;

/// The key of our advisory lock: "carillon" in ASCII.
constexpr const char* try_lock_sql = "SELECT pg_try_advisory_lock(7161130679611977582)";

constexpr const char* holder_sql = R"(
SELECT l.pid::bigint, coalesce(a.application_name, ''),
       coalesce(host(a.client_addr), 'a local socket'), coalesce(a.usename::text, '')
  FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND (l.classid::bigint << 32) + l.objid::bigint = 7161130679611977582
)";

// UUIDv7 ids rise with time, so their index grows at its end alone. An event's
// row holds its state too, but a broadcast's state is each user's own: marks.
// counts has every event once, so its sums are all counts and all kinds.
constexpr const char* tables_sql = R"(
BEGIN;
CREATE SCHEMA IF NOT EXISTS carillon;
COMMENT ON SCHEMA carillon IS 'inboxes of a Carillon server, which alone may write here';

CREATE TABLE carillon.meta (
  one             boolean PRIMARY KEY DEFAULT true CHECK (one),
  schema_version  bigint NOT NULL,
  epoch           bigint NOT NULL,
  system_id       uuid   NOT NULL,
  local_user      uuid   NOT NULL,
  commits         bigint NOT NULL DEFAULT 0,
  reserved_until  bigint NOT NULL DEFAULT 0,
  life            bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

CREATE TABLE carillon.events (
  user_id         uuid     NOT NULL,
  sequence        bigint   NOT NULL,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  deleted_at      timestamptz,
  severity        smallint NOT NULL,
  status          smallint NOT NULL,
  id              uuid     NOT NULL,
  system_id       uuid     NOT NULL,
  operation_id    uuid     NOT NULL,
  acted_upon      uuid     NOT NULL,
  broadcast_owner uuid,
  category        text COLLATE "C" NOT NULL,
  action          text COLLATE "C" NOT NULL,
  description     text COLLATE "C" NOT NULL,
  metadata        text COLLATE "C" NOT NULL,
  exact_body      text COLLATE "C",
  PRIMARY KEY (user_id, sequence)
);
CREATE UNIQUE INDEX events_id ON carillon.events (id, user_id);
CREATE INDEX events_updated ON carillon.events (user_id, status, updated_at, sequence)
  WHERE deleted_at IS NULL;
COMMENT ON COLUMN carillon.events.user_id IS 'whose inbox; the nil UUID: a broadcast, in everybody''s';
COMMENT ON COLUMN carillon.events.severity IS '0 alert, 1 critical, 2 debug, 3 emergency, 4 error, 5 informational, 6 success, 7 warning';
COMMENT ON COLUMN carillon.events.status IS '0 unread, 1 read; of a broadcast: before a user marks it';
COMMENT ON COLUMN carillon.events.broadcast_owner IS 'who published a broadcast';
COMMENT ON COLUMN carillon.events.metadata IS 'JSON as it was published';
COMMENT ON COLUMN carillon.events.exact_body IS 'the event''s JSON, where it does not follow from the other columns';

CREATE TABLE carillon.marks (
  user_id    uuid     NOT NULL,
  sequence   bigint   NOT NULL,
  status     smallint NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (user_id, sequence)
);
CREATE INDEX marks_updated ON carillon.marks (user_id, updated_at, sequence)
  WHERE deleted_at IS NULL;
COMMENT ON TABLE carillon.marks IS 'what a user made of a broadcast';

CREATE TABLE carillon.counts (
  user_id  uuid     NOT NULL,
  severity smallint NOT NULL,
  category text COLLATE "C" NOT NULL,
  action   text COLLATE "C" NOT NULL,
  unread   bigint   NOT NULL,
  read     bigint   NOT NULL,
  PRIMARY KEY (user_id, severity, category, action)
) WITH (fillfactor = 50);
COMMENT ON TABLE carillon.counts IS 'number of events, deleted ones excluded; a user''s rows plus those of the nil UUID are its inbox';

CREATE TABLE carillon.positions (
  user_id     uuid PRIMARY KEY,
  last_change bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE carillon.positions IS 'sequence of the user''s latest change';
)";

constexpr const char* find_schema_sql = "SELECT to_regclass('carillon.meta') IS NOT NULL";
constexpr const char* version_sql = "SELECT schema_version FROM carillon.meta";
constexpr const char* meta_columns_sql =
    "SELECT epoch, system_id, local_user, commits, reserved_until, life FROM carillon.meta";

Result<void> check_version(PostgresConnection& connection, const std::string& shown_url) {
  const auto rows = connection.run(version_sql);
  if (!rows) return rows.error();
  if (rows->count() != 1)
    return Error{Errc::corrupt, "The schema carillon in " + shown_url +
                                    " has lost its row of carillon.meta: restore a backup, or "
                                    "DROP SCHEMA carillon CASCADE to begin an empty store"};
  const auto version = rows->int8(0, 0);
  if (version == postgres_schema_version) return {};
  return Error{Errc::unsupported_version,
               "The schema carillon in " + shown_url + " has version " + std::to_string(version) +
                   ", and this program reads and writes version " +
                   std::to_string(postgres_schema_version) +
                   ": start the release of Carillon that fits, or name another database"};
}

PostgresMeta meta_of(const PostgresRows& rows) {
  return {.epoch = static_cast<engine::Epoch>(rows.int8(0, 0)),
          .identity = {.system_id = rows.uuid(0, 1), .local_user = rows.uuid(0, 2)},
          .commits = static_cast<std::uint64_t>(rows.int8(0, 3)),
          .reserved_until = static_cast<engine::Sequence>(rows.int8(0, 4)),
          .life = rows.int8(0, 5)};
}

}  // namespace

Result<void> take_lock(PostgresConnection& connection, const std::string& shown_url) {
  const auto locked = connection.run(try_lock_sql);
  if (!locked) return locked.error();
  if (locked->boolean(0, 0)) return {};
  std::string holder = "a session that has ended meanwhile";
  const auto rows = connection.run(holder_sql);
  if (rows && rows->count() > 0)
    holder = "'" + std::string{rows->text(0, 1)} + "' (PostgreSQL's process " +
             std::to_string(rows->int8(0, 0)) + ", user " + std::string{rows->text(0, 3)} +
             ", from " + std::string{rows->text(0, 2)} + ")";
  return Error{Errc::locked, "The store " + shown_url + " is open already: " + holder +
                                 " holds its lock; one server at a time owns a database, so stop "
                                 "that one or name another database"};
}

Result<void> make_schema(PostgresConnection& connection, const std::string& shown_url) {
  if (connection.parameter("server_encoding") != "UTF8")
    return Error{Errc::invalid_argument,
                 "The database of " + shown_url + " is encoded in " +
                     connection.parameter("server_encoding") +
                     "; a store needs UTF8: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"};
  const auto found = connection.run(find_schema_sql);
  if (!found) return found.error();
  if (found->boolean(0, 0)) return check_version(connection, shown_url);

  const auto identity = new_identity();
  const auto script =
      std::string{tables_sql} +
      "INSERT INTO carillon.meta (schema_version, epoch, system_id, local_user) VALUES (" +
      std::to_string(postgres_schema_version) + ", " + std::to_string(new_epoch()) + ", '" +
      to_string(identity.system_id) + "', '" + to_string(identity.local_user) + "'); COMMIT;";
  if (auto made = connection.run_script(script); !made)
    return Error{made.error().code,
                 "The schema carillon can't be made in " + shown_url + ": " + made.error().text()};
  return {};
}

Result<void> check_schema(PostgresConnection& connection, const std::string& shown_url) {
  const auto found = connection.run(find_schema_sql);
  if (!found) return found.error();
  if (!found->boolean(0, 0))
    return Error{Errc::not_found, "There is no store (no schema carillon) in " + shown_url};
  return check_version(connection, shown_url);
}

Result<PostgresMeta> read_meta(PostgresConnection& connection) {
  const auto rows = connection.run(meta_columns_sql);
  if (!rows) return rows.error();
  if (rows->count() != 1) return Error{Errc::corrupt, "carillon.meta has lost its row"};
  return meta_of(*rows);
}

Result<PostgresMeta> begin_life(PostgresConnection& connection, const std::string& shown_url) {
  const auto before = read_meta(connection);
  if (!before) return before;
  if (before->reserved_until > engine::sequence_max - postgres_reservation_block)
    return Error{Errc::unavailable, "The store " + shown_url + " has used up its sequences"};
  PostgresParameters parameters;
  parameters.add_int8(to_bigint(before->reserved_until + postgres_reservation_block));
  const auto begun =
      connection.run("UPDATE carillon.meta SET life = life + 1, reserved_until = $1", parameters);
  if (!begun) return begun.error();
  return read_meta(connection);
}

Result<void> change_epoch(PostgresConnection& connection, engine::Sequence shown) {
  PostgresParameters parameters;
  parameters.add_int8(to_bigint(new_epoch()));
  parameters.add_int8(to_bigint(shown));
  const auto changed = connection.run(
      "UPDATE carillon.meta SET epoch = $1, life = life + 1,"
      " reserved_until = greatest(reserved_until, $2)",
      parameters);
  if (!changed) return changed.error();
  return {};
}

Result<engine::Sequence> read_last_broadcast(PostgresConnection& connection) {
  const auto rows = connection.run(
      "SELECT coalesce(max(sequence), 0) FROM carillon.events"
      " WHERE user_id = '00000000-0000-0000-0000-000000000000'");
  if (!rows) return rows.error();
  return static_cast<engine::Sequence>(rows->int8(0, 0));
}

}  // namespace carillon::persistence
