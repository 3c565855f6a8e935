#pragma once

#include "persistence/src/rocks_logs.hpp"

#include <rocksdb/wal_filter.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::persistence {

/// Watches RocksDB replay the logs of a store, and stops it where something acknowledged is
/// missing from a log that is not the newest. RocksDB takes the end of each log that is torn
/// for the last write of a crash, and a log that is gone for one that it removed itself.
///
/// Two things tell. Commits are numbered, so a hole shows. And the first commit of each
/// opening says which logs were replayed before it, how long they were and which tables
/// they hold rows of (`replayed()`, row `logs` of meta): a later opening that still needs
/// one of these finds it gone or shorter.
///
/// Threads   The one that opens the database.
/// Lifetime  Outlives the database: its options point here.
class LogWatch final : public rocksdb::WalFilter {
 public:
  /// `on_disk`: the logs as they are before the replay.
  explicit LogWatch(std::vector<LogFile> on_disk) : on_disk_{std::move(on_disk)} {}

  [[nodiscard]] const char* Name() const override { return "carillon.log_watch"; }
  void ColumnFamilyLogNumberMap(const std::map<std::uint32_t, std::uint64_t>& first_logs,
                                const std::map<std::string, std::uint32_t>& ids) override;
  WalProcessingOption LogRecordFound(unsigned long long log,  // NOLINT(google-runtime-int)
                                     const std::string& path,
                                     const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch* changed,
                                     bool* is_changed) override;

  /// After the replay: what to write as row `logs`; empty if there is nothing to tell.
  [[nodiscard]] std::string replayed() const;
  /// Why the replay was stopped; empty if it was not.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

 private:
  class Rows;

  /// Whether rows of this table in this log are in no sorted file yet.
  [[nodiscard]] bool is_needed(std::uint32_t table, std::uint64_t log) const;
  [[nodiscard]] std::uint64_t bytes_on_disk(std::uint64_t log) const;
  void check_replayed(std::string_view row);
  void check_commit(std::string_view value);

  const std::vector<LogFile> on_disk_;
  std::map<std::uint32_t, std::uint64_t> first_logs_;  // by table
  std::map<std::uint64_t, std::uint8_t> tables_of_;    // by log: a bit for each table
  std::uint64_t log_ = 0;                              // under replay
  std::optional<std::uint64_t> commit_;                // the latest one seen,
  std::uint64_t commits_log_ = 0;                      // and where
  std::string fault_;
};

}  // namespace carillon::persistence
