#pragma once

#include "carillon/persistence/transfer.hpp"

namespace carillon::persistence {

/// export_store of a PostgreSQL database: one transaction that only reads, so that it
/// sees one moment of a store that is served.
[[nodiscard]] engine::Result<TransferCounts> export_postgres(const ExportOptions& options,
                                                             const WriteLine& write);

}  // namespace carillon::persistence
