#pragma once

#include "persistence/src/import_target.hpp"
#include "persistence/src/postgres_connection.hpp"
#include "persistence/src/postgres_schema.hpp"

#include <memory>
#include <string>

namespace carillon::persistence {

/// Imports into a PostgreSQL database, in one transaction: all or nothing. Counts are
/// added up by the server in the end.
class PostgresImport final : public ImportTarget {
 public:
  /// Takes the lock of the store and makes its schema, as a server would.
  [[nodiscard]] static engine::Result<std::unique_ptr<ImportTarget>> open(const std::string& url);

  [[nodiscard]] engine::Result<bool> begin(const ExportHeader& header) override;
  [[nodiscard]] engine::Result<std::vector<ImportOutcome>> put(
      std::span<const ImportItem> items) override;
  [[nodiscard]] engine::Result<void> finish() override;

 private:
  explicit PostgresImport(std::unique_ptr<PostgresConnection> connection)
      : connection_{std::move(connection)} {}

  [[nodiscard]] engine::Result<void> put_events(std::span<const ImportItem> items,
                                                std::vector<ImportOutcome>& outcomes);
  [[nodiscard]] engine::Result<void> put_marks(std::span<const ImportItem> items,
                                               std::vector<ImportOutcome>& outcomes);
  [[nodiscard]] engine::Result<void> find_known(std::span<const ImportItem> items,
                                                std::vector<ImportOutcome>& outcomes);
  [[nodiscard]] engine::Result<void> set_states(std::span<const ImportItem> items,
                                                const std::vector<ImportOutcome>& outcomes);

  std::unique_ptr<PostgresConnection> connection_;
  SequenceShift shift_;
};

}  // namespace carillon::persistence
