#pragma once

#include "carillon/engine/log.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/rocks_tables.hpp"

#include <cstdint>
#include <string>

namespace carillon::persistence {

/// Brings a store's rows from schema version `from` to `schema_version`, step by step.
///
/// A step may be repeated from its beginning whatever an earlier attempt had done of it,
/// and its version is written when everything else of it is durable; so it may crash at
/// any moment, and the next opening goes on. It says in the log what it does and how far
/// it is, because a large store takes a while.
///
/// REQUIRES that nobody else reads or writes. Fails with unsupported_version (no step
/// leads from there, or the version is a later one), corrupt, io or unavailable.
[[nodiscard]] engine::Result<void> migrate(const RocksTables& tables,
                                           std::uint64_t from,
                                           const std::string& path,
                                           const engine::LogSink& log);

}  // namespace carillon::persistence
