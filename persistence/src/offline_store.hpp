#pragma once

#include "carillon/engine/result.hpp"
#include "persistence/src/rocks_tables.hpp"

#include <memory>
#include <string>
#include <utility>

namespace carillon::persistence {

/// A RocksDB store, or a backup of one, that nobody has open, to be read only: nothing
/// is written into its directory, and no server opens it meanwhile.
///
/// Threads   One.
class OfflineStore {
 public:
  /// The store in this directory, or in its `store`: a server's data directory will do.
  /// Any schema version; see check_schema().
  [[nodiscard]] static engine::Result<OfflineStore> open(const std::string& directory);
  ~OfflineStore();
  OfflineStore(OfflineStore&& other) noexcept
      : path_{std::move(other.path_)},
        lock_{std::exchange(other.lock_, -1)},
        tables_{std::move(other.tables_)} {}
  OfflineStore(const OfflineStore&) = delete;
  OfflineStore& operator=(const OfflineStore&) = delete;
  OfflineStore& operator=(OfflineStore&&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const RocksTables& tables() const noexcept { return *tables_; }

  /// Whether this program understands its rows; what to do if not.
  [[nodiscard]] engine::Result<void> check_schema() const;

 private:
  OfflineStore(std::string path, int lock) noexcept : path_{std::move(path)}, lock_{lock} {}

  std::string path_;
  int lock_ = -1;
  std::unique_ptr<RocksTables> tables_;
};

}  // namespace carillon::persistence
