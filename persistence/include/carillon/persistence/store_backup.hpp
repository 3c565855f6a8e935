#pragma once

#include "carillon/engine/result.hpp"

#include <string>

namespace carillon::persistence {

/// Backups of a RocksDB store's directory, for programs without the server. A
/// running server makes one by Store::backup.

/// Makes a backup of a store that nobody has open, in a directory that does not
/// exist yet. Fails with not_found (no store there), locked (a server has it
/// open), and otherwise like open_store and Store::backup.
[[nodiscard]] engine::Result<void> back_up_directory(const std::string& directory,
                                                     const std::string& backup);

/// Makes `directory` (absent or empty) a store with all that the backup holds,
/// all or nothing, and leaves the backup as it is.
///
/// The store gets a new epoch: cursors that were handed out after the backup
/// name events that it does not know, so none of before is taken for valid.
///
/// Fails with not_found (no backup there), invalid_argument (the target is not
/// empty, or the backup is a store's own directory), io, corrupt or
/// unsupported_version.
[[nodiscard]] engine::Result<void> restore_backup(const std::string& backup,
                                                  const std::string& directory);

}  // namespace carillon::persistence
