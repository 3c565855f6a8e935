#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/ids.hpp"
#include "carillon/engine/log.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/persistence/store.hpp"
#include "persistence/src/postgres_connection.hpp"

#include <cstdint>
#include <string>

namespace carillon::persistence {

/// Version of the tables in the schema `carillon`. An earlier one is migrated when the
/// store is opened, a later one refused.
inline constexpr std::int64_t postgres_schema_version = 2;

/// Sequences reserved at a time, as in a RocksStore.
inline constexpr engine::Sequence postgres_reservation_block = engine::Sequence{1} << 30U;

/// The one row of carillon.meta.
struct PostgresMeta {
  engine::Epoch epoch = 0;
  StoreIdentity identity{};
  std::uint64_t commits = 0;  ///< number of the latest commit
  engine::Sequence reserved_until = 0;
  std::int64_t life = 0;  ///< how often the database was opened
  std::uint64_t events = 0;
  std::uint64_t event_bytes = 0;  ///< as retention counts them
};

/// Takes the database for this session: one server at a time may write it.
/// locked if another session has it; the text says which.
[[nodiscard]] engine::Result<void> take_lock(PostgresConnection& connection,
                                             const std::string& shown_url);

/// The same, but waits some seconds for a session that is about to end.
[[nodiscard]] engine::Result<void> wait_for_lock(PostgresConnection& connection,
                                                 const std::string& shown_url);

/// Makes the schema `carillon` where there is none, and migrates one of an earlier version.
/// REQUIRES the lock. unsupported_version if it is of a later one.
[[nodiscard]] engine::Result<void> make_schema(PostgresConnection& connection,
                                               const std::string& shown_url,
                                               const engine::LogSink& log);

/// Whether the schema `carillon` is there and of this version; not_found, corrupt or
/// unsupported_version if not.
[[nodiscard]] engine::Result<void> check_schema(PostgresConnection& connection,
                                                const std::string& shown_url);

[[nodiscard]] engine::Result<PostgresMeta> read_meta(PostgresConnection& connection);

/// Begins the next life: counts it and reserves its first sequences, which begin
/// behind `reserved_until` of the result less one block.
[[nodiscard]] engine::Result<PostgresMeta> begin_life(PostgresConnection& connection,
                                                      const std::string& shown_url);

/// Makes the next life one with another epoch and with sequences above `shown`:
/// the database has lost what clients have seen.
[[nodiscard]] engine::Result<void> change_epoch(PostgresConnection& connection,
                                                engine::Sequence shown);

/// The sequence of the latest broadcast, 0 if there is none.
[[nodiscard]] engine::Result<engine::Sequence> read_last_broadcast(PostgresConnection& connection);

}  // namespace carillon::persistence
