#pragma once

#include "persistence/src/postgres_event.hpp"

#include <string>

namespace carillon::persistence {

/// A query: what carillon.counts must hold, as the events and marks that there are add up
/// to it. A mark adds what it changes about its broadcast.
inline constexpr const char* postgres_sums_sql = R"(
SELECT user_id, severity, category, action,
       sum(unread)::bigint AS unread, sum(read)::bigint AS read, sum(deleted)::bigint AS deleted
  FROM (SELECT user_id, severity, category, action,
               (status = 0 AND deleted_at IS NULL)::int AS unread,
               (status = 1 AND deleted_at IS NULL)::int AS read,
               (deleted_at IS NOT NULL)::int AS deleted
          FROM carillon.events
        UNION ALL
        SELECT m.user_id, e.severity, e.category, e.action,
               (m.status = 0 AND m.deleted_at IS NULL)::int - (e.status = 0)::int,
               (m.status = 1 AND m.deleted_at IS NULL)::int - (e.status = 1)::int,
               (m.deleted_at IS NOT NULL)::int
          FROM carillon.marks m JOIN carillon.events e
            ON e.user_id = '00000000-0000-0000-0000-000000000000' AND e.sequence = m.sequence
       ) AS each GROUP BY user_id, severity, category, action
)";

/// A statement: sets the sums of carillon.meta to what carillon.events holds.
inline std::string postgres_total_sql() {
  return std::string{
             "UPDATE carillon.meta SET (events, event_bytes) ="
             " (SELECT count(*), coalesce(sum("} +
         postgres_event_bytes_sql + "), 0) FROM carillon.events e);";
}

}  // namespace carillon::persistence
