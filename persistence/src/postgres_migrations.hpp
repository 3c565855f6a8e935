#pragma once

#include "carillon/engine/log.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/postgres_connection.hpp"

#include <cstdint>
#include <string>

namespace carillon::persistence {

/// Brings the schema `carillon` from an earlier version to the present one, a transaction
/// a step (decision 0008). REQUIRES the lock. unsupported_version if there is no way.
[[nodiscard]] engine::Result<void> migrate_postgres(PostgresConnection& connection,
                                                    std::int64_t from,
                                                    const std::string& shown_url,
                                                    const engine::LogSink& log);

}  // namespace carillon::persistence
