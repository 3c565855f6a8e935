#pragma once

#include "carillon/engine/result.hpp"
#include "persistence/src/postgres_connection.hpp"

#include <memory>
#include <string>

namespace carillon::persistence {

/// A session in a transaction that only reads, so that it sees one moment of a store that
/// is served. Fails if there is no schema of the present version.
[[nodiscard]] engine::Result<std::unique_ptr<PostgresConnection>> open_postgres_snapshot(
    const std::string& url);

}  // namespace carillon::persistence
