#include "persistence/src/postgres_schema.hpp"

#include "persistence/src/new_identity.hpp"
#include "persistence/src/postgres_migrations.hpp"
#include "persistence/src/postgres_tables.hpp"

#include <chrono>
#include <thread>
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

/// How long an opening waits for a lock: the server may take a moment to notice
/// that the process before this one is gone.
constexpr std::chrono::milliseconds lock_patience{3000};
constexpr std::chrono::milliseconds lock_pause{20};

constexpr const char* find_schema_sql = "SELECT to_regclass('carillon.meta') IS NOT NULL";
constexpr const char* version_sql = "SELECT schema_version FROM carillon.meta";
constexpr const char* meta_columns_sql =
    "SELECT epoch, system_id, local_user, commits, reserved_until, life, events, event_bytes"
    " FROM carillon.meta";

Result<std::int64_t> read_version(PostgresConnection& connection, const std::string& shown_url) {
  const auto rows = connection.run(version_sql);
  if (!rows) return rows.error();
  if (rows->count() != 1)
    return Error{Errc::corrupt, "The schema carillon in " + shown_url +
                                    " has lost its row of carillon.meta: restore a backup, or "
                                    "DROP SCHEMA carillon CASCADE to begin an empty store"};
  return rows->int8(0, 0);
}

PostgresMeta meta_of(const PostgresRows& rows) {
  return {.epoch = static_cast<engine::Epoch>(rows.int8(0, 0)),
          .identity = {.system_id = rows.uuid(0, 1), .local_user = rows.uuid(0, 2)},
          .commits = static_cast<std::uint64_t>(rows.int8(0, 3)),
          .reserved_until = static_cast<engine::Sequence>(rows.int8(0, 4)),
          .life = rows.int8(0, 5),
          .events = static_cast<std::uint64_t>(rows.int8(0, 6)),
          .event_bytes = static_cast<std::uint64_t>(rows.int8(0, 7))};
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

Result<void> wait_for_lock(PostgresConnection& connection, const std::string& shown_url) {
  const auto give_up_at = std::chrono::steady_clock::now() + lock_patience;
  for (;;) {
    auto locked = take_lock(connection, shown_url);
    if (locked || locked.error().code != make_error_code(Errc::locked) ||
        std::chrono::steady_clock::now() >= give_up_at)
      return locked;
    std::this_thread::sleep_for(lock_pause);
  }
}

Result<void> make_schema(PostgresConnection& connection,
                         const std::string& shown_url,
                         const engine::LogSink& log) {
  if (connection.parameter("server_encoding") != "UTF8")
    return Error{Errc::invalid_argument,
                 "The database of " + shown_url + " is encoded in " +
                     connection.parameter("server_encoding") +
                     "; a store needs UTF8: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"};
  const auto found = connection.run(find_schema_sql);
  if (!found) return found.error();
  if (found->boolean(0, 0)) {
    const auto version = read_version(connection, shown_url);
    if (!version) return version.error();
    if (*version == postgres_schema_version) return {};
    return migrate_postgres(connection, *version, shown_url, log);
  }

  const auto identity = new_identity();
  const auto script =
      std::string{"BEGIN;"} + postgres_tables_sql +
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
  const auto version = read_version(connection, shown_url);
  if (!version) return version.error();
  if (*version == postgres_schema_version) return {};
  return Error{
      Errc::unsupported_version,
      "The schema carillon in " + shown_url + " has version " + std::to_string(*version) +
          "; this program reads version " + std::to_string(postgres_schema_version) +
          (*version < postgres_schema_version ? ", to which carillond migrates it at its next start"
                                              : ": use the release of Carillon that wrote it")};
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
      "SELECT greatest((SELECT max(sequence) FROM carillon.events"
      " WHERE user_id = '00000000-0000-0000-0000-000000000000'), (SELECT last_change"
      " FROM carillon.positions WHERE user_id = '00000000-0000-0000-0000-000000000000'), 0)");
  if (!rows) return rows.error();
  return static_cast<engine::Sequence>(rows->int8(0, 0));
}

}  // namespace carillon::persistence
