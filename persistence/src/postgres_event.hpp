#pragma once

#include "carillon/engine/event.hpp"
#include "persistence/src/postgres_values.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace carillon::persistence {

/// Events as rows of carillon.events: the arrays of one INSERT.
class PostgresEventRows {
 public:
  PostgresEventRows();

  void add(const engine::Event& event);
  /// The same with fields that are not the event's own; `view` may lie in `event`.
  void add(const engine::Event& event, const engine::EventView& view);
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  /// What `retention_bytes` counts of them.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] PostgresParameters take() &&;

  /// The statement that takes the parameters, and their types. One that its holder has under
  /// the same id already is left out.
  [[nodiscard]] static const std::string& insert_sql();
  /// The same of ids that are known to be new; else it fails.
  [[nodiscard]] static const std::string& insert_new_sql();
  [[nodiscard]] static std::vector<Oid> types();

 private:
  std::size_t count_ = 0;
  std::uint64_t bytes_ = 0;
  PostgresArray user_id_{PostgresType::uuid};
  PostgresArray sequence_{PostgresType::int8};
  PostgresArray created_at_{PostgresType::timestamptz};
  PostgresArray severity_{PostgresType::int2};
  PostgresArray status_{PostgresType::int2};
  PostgresArray id_{PostgresType::uuid};
  PostgresArray system_id_{PostgresType::uuid};
  PostgresArray operation_id_{PostgresType::uuid};
  PostgresArray acted_upon_{PostgresType::uuid};
  PostgresArray broadcast_owner_{PostgresType::uuid};
  PostgresArray category_{PostgresType::text};
  PostgresArray action_{PostgresType::text};
  PostgresArray description_{PostgresType::text};
  PostgresArray metadata_{PostgresType::text};
  PostgresArray exact_body_{PostgresType::text};
  PostgresArray aged_at_{PostgresType::timestamptz};
};

/// What `retention_bytes` counts of a row `e`: its texts, and what the other columns and
/// PostgreSQL's own head of a row take in any case. As PostgresEventRows::bytes().
inline constexpr std::uint64_t postgres_event_fixed_bytes = 136;
inline constexpr const char* postgres_event_bytes_sql =
    "(136 + octet_length(e.category) + octet_length(e.action) + octet_length(e.description)"
    " + octet_length(e.metadata) + coalesce(octet_length(e.exact_body), 0))::bigint";

/// Columns of a row `e` of carillon.events that event_json() reads, in its order.
/// The state's two columns, status and updated_at, follow, then deleted_at.
inline constexpr const char* postgres_event_columns =
    "e.sequence, e.user_id, e.broadcast_owner, e.id, e.system_id, e.operation_id, e.acted_upon,"
    " e.category, e.action, e.severity, e.description, e.metadata, e.exact_body, e.created_at";
/// The number of the first column behind them.
inline constexpr int postgres_event_column_count = 14;

/// The event's JSON, its state being in the three columns behind it.
[[nodiscard]] std::string postgres_event_json(const PostgresRows& rows, int row);

}  // namespace carillon::persistence
