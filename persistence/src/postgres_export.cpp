#include "persistence/src/postgres_export.hpp"

#include "persistence/src/export_line.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/postgres_connection.hpp"
#include "persistence/src/postgres_event.hpp"
#include "persistence/src/postgres_schema.hpp"
#include "persistence/src/postgres_snapshot.hpp"

#include <functional>
#include <string>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;

constexpr const char* fetch_sql = "FETCH 1000 FROM export";

Error not_written() {
  return {Errc::io, "The export can't be written; is the disk full?"};
}

/// Nothing where nobody changed it, or before schema version 2.
std::optional<engine::Sequence> change_of(const PostgresRows& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return static_cast<engine::Sequence>(rows.int8(row, column));
}

/// Calls `take` for each row, some at a time.
Result<void> walk(PostgresConnection& connection,
                  const std::string& select,
                  const std::function<bool(const PostgresRows& rows, int row)>& take) {
  const auto declare = "DECLARE export NO SCROLL CURSOR FOR " + select;
  if (const auto declared = connection.run(declare.c_str()); !declared) return declared.error();
  for (;;) {
    const auto rows = connection.run(fetch_sql);
    if (!rows) return rows.error();
    for (int row = 0; row < rows->count(); ++row)
      if (!take(*rows, row)) return not_written();
    if (rows->count() == 0) break;
  }
  if (const auto closed = connection.run("CLOSE export"); !closed) return closed.error();
  return {};
}

Result<TransferCounts> export_rows(PostgresConnection& connection,
                                   const std::optional<engine::UserId>& only_user,
                                   const WriteLine& write) {
  const auto meta = read_meta(connection);
  if (!meta) return meta.error();
  if (!write(header_line({.epoch = meta->epoch,
                          .identity = meta->identity,
                          .last_sequence = meta->reserved_until,
                          .only_user = only_user})))
    return not_written();

  // A UUID's text needs no quoting. A cursor takes no parameters.
  const auto of = [&only_user](const char* column, bool broadcasts_too) {
    if (!only_user) return std::string{};
    auto condition = std::string{" WHERE "} + column + " IN ('" + to_string(*only_user) + "'";
    if (broadcasts_too) condition += ", '" + to_string(broadcasts_owner) + "'";
    return condition + ")";
  };
  TransferCounts counts;
  auto done =
      walk(connection,
           std::string{"SELECT "} + postgres_event_columns +
               ", e.status, e.updated_at, e.deleted_at, e.changed FROM carillon.events e" +
               of("e.user_id", true) + " ORDER BY e.user_id, e.sequence",
           [&](const PostgresRows& rows, int row) {
             ++(rows.is_null(row, 2) ? counts.events : counts.broadcasts);
             return write(event_line(postgres_event_json(rows, row),
                                     change_of(rows, row, postgres_event_column_count + 3)));
           });
  if (!done) return done.error();
  done = walk(connection,
              "SELECT m.user_id, e.id, m.status, m.updated_at, m.deleted_at, m.changed"
              " FROM carillon.marks m JOIN carillon.events e ON e.user_id = '" +
                  to_string(broadcasts_owner) + "' AND e.sequence = m.sequence" +
                  of("m.user_id", false) + " ORDER BY m.user_id, m.sequence",
              [&](const PostgresRows& rows, int row) {
                ++counts.marks;
                ExportedMark mark{.user = rows.uuid(row, 0), .broadcast = rows.uuid(row, 1)};
                mark.state.status = static_cast<engine::Status>(rows.int2(row, 2) & 1);
                mark.state.updated_at = rows.time(row, 3);
                if (!rows.is_null(row, 4)) mark.state.deleted_at = rows.time(row, 4);
                mark.change = change_of(rows, row, 5);
                return write(mark_line(mark));
              });
  if (!done) return done.error();
  if (!write(end_line(counts))) return not_written();
  return counts;
}

}  // namespace

Result<TransferCounts> export_postgres(const ExportOptions& options, const WriteLine& write) {
  const auto opened = open_postgres_snapshot(options.store);
  if (!opened) return opened.error();
  return export_rows(**opened, options.only_user, write);
}

}  // namespace carillon::persistence
