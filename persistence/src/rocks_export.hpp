#pragma once

#include "carillon/persistence/transfer.hpp"
#include "persistence/src/offline_store.hpp"

namespace carillon::persistence {

/// export_store of a RocksDB: its broadcasts, then user by user, each by sequence.
[[nodiscard]] engine::Result<TransferCounts> export_rocks(
    const OfflineStore& store,
    const std::optional<engine::UserId>& only_user,
    const WriteLine& write);

}  // namespace carillon::persistence
