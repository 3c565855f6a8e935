#pragma once

#include "carillon/engine/change.hpp"
#include "persistence/src/postgres_connection.hpp"

#include <string>

namespace carillon::persistence {

/// A change as one statement: it finds the events, gives them their new state,
/// corrects the counts, notes the user's position, and answers the ids.
///
/// Those by ids are prepared once per connection, because they are many; those by
/// a filter are planned each time, because no two filters are alike.
void prepare_changes(PostgresConnection& connection);
inline constexpr int prepared_changes = 2;

/// Sends the statement.
void send_change(PostgresConnection& connection, const engine::Change& change);
/// Fills Change::affected from its rows: in the order of the change's ids, or
/// of sequences.
void fill_affected(engine::Change& change, const PostgresRows& rows);

}  // namespace carillon::persistence
