#pragma once

#include "carillon/engine/inbox.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/postgres_connection.hpp"

#include <optional>
#include <string>
#include <vector>

namespace carillon::persistence {

/// The reads of Store in SQL. Each is one group of statements, thus one implicit
/// transaction: with REPEATABLE READ as the session's default, one snapshot.
[[nodiscard]] engine::Result<engine::EventPage> read_page(
    PostgresConnection& connection,
    PostgresConnection::Clock::time_point deadline,
    engine::Epoch epoch,
    const engine::ListQuery& query);
[[nodiscard]] engine::Result<std::string> read_event(PostgresConnection& connection,
                                                     PostgresConnection::Clock::time_point deadline,
                                                     const engine::UserId& user,
                                                     const engine::EventId& id);
[[nodiscard]] engine::Result<std::optional<std::string>> read_published(
    PostgresConnection& connection,
    PostgresConnection::Clock::time_point deadline,
    const engine::UserId& owner,
    const engine::EventId& id);
[[nodiscard]] engine::Result<engine::Aggregate> read_aggregate(
    PostgresConnection& connection,
    PostgresConnection::Clock::time_point deadline,
    const engine::UserId& user);
[[nodiscard]] engine::Result<std::vector<engine::Kind>> read_kinds(
    PostgresConnection& connection,
    PostgresConnection::Clock::time_point deadline,
    const engine::UserId& user);

}  // namespace carillon::persistence
