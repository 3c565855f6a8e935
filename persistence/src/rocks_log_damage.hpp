#pragma once

#include "persistence/src/rocks_logs.hpp"

#include <string>

namespace carillon::persistence {

/// The name of the log for which RocksDB has refused to open the database in this directory,
/// so that an operator knows which file is meant: RocksDB tells a number, or nothing.
/// Empty: it was no log, or one that can't be read now.
[[nodiscard]] std::string damaged_log(rocksdb::FileSystem& files,
                                      const rocksdb::Status& refusal,
                                      const std::string& path);

}  // namespace carillon::persistence
