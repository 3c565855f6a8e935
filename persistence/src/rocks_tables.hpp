#pragma once

#include "carillon/engine/result.hpp"
#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/store.hpp"
#include "persistence/src/rocks_log_spares.hpp"
#include "persistence/src/rocks_log_watch.hpp"
#include "persistence/src/rows.hpp"

#include <rocksdb/db.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace carillon::persistence {

/// A RocksDB with one column family per Table.
///
/// Threads   As rocksdb::DB: reads from any thread, writes from one.
/// Lifetime  Iterators and snapshots must be gone before it is.
class RocksTables {
 public:
  /// Whether the directory must hold the logs that its manifest says were synced. A backup
  /// may lack some: of those that the flush before it made needless.
  enum class Logs : std::uint8_t { as_in_manifest, as_found };

  /// Opens or makes the database in this directory, which somebody has locked.
  /// `env` (a test's; must outlive it) stands for the operating system.
  [[nodiscard]] static engine::Result<std::unique_ptr<RocksTables>> open(
      const std::string& path,
      const StoreOptions& options,
      rocksdb::Env* env = nullptr,
      Logs logs = Logs::as_in_manifest);
  /// Opens the database in this directory without writing anything there.
  [[nodiscard]] static engine::Result<std::unique_ptr<RocksTables>> open_read_only(
      const std::string& path);
  ~RocksTables();
  RocksTables(const RocksTables&) = delete;
  RocksTables& operator=(const RocksTables&) = delete;

  [[nodiscard]] rocksdb::DB& db() const noexcept { return *db_; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* handle(Table table) const noexcept {
    return handles_[static_cast<std::size_t>(table)];
  }
  /// From now on logs are written over zeros (SpareLogs). REQUIRES of each write that follows
  /// others without a sync: unsynced_note() in front.
  void begin_spare_logs();
  /// Writes everything that is in memory only to sorted files.
  [[nodiscard]] rocksdb::Status flush();
  [[nodiscard]] StoreLoad load() const;
  /// What the first write after the opening must say of the logs, as row `logs` of meta;
  /// empty: nothing.
  [[nodiscard]] std::string replayed_logs() const { return watch_->replayed(); }

 private:
  enum class Access : std::uint8_t { read_only, read_write };

  /// What RocksDB reads and writes through.
  struct Files {
    std::shared_ptr<SpareLogs> logs{};  ///< null when it only reads
    std::unique_ptr<rocksdb::Env> env{};
  };

  RocksTables(Files files, std::unique_ptr<LogWatch> watch)
      : files_{std::move(files)}, watch_{std::move(watch)} {}
  [[nodiscard]] static engine::Result<std::unique_ptr<RocksTables>> open_database(
      rocksdb::DBOptions database,
      const std::string& path,
      const StoreOptions& options,
      Access access,
      Logs logs);

  const Files files_;
  std::unique_ptr<LogWatch> watch_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, table_count> handles_{};
};

/// What a failed call means to us. `doing` completes "While …".
[[nodiscard]] engine::Error to_error(const rocksdb::Status& status,
                                     std::string_view doing,
                                     const std::string& path);

}  // namespace carillon::persistence
