#include "persistence/src/rocks_tables.hpp"

#include "persistence/src/counters.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/rocks_log_damage.hpp"
#include "persistence/src/rocks_log_tail.hpp"
#include "persistence/src/rocks_logs.hpp"
#include "persistence/src/rocks_messages.hpp"
#include "persistence/src/user_kinds.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;

/// Column families by Table. RocksDB insists on the name of the first one.
constexpr std::array<const char*, table_count> table_names{"default", "events", "state",
                                                           "ids",     "counts", "kinds"};

constexpr int bloom_bits_per_key = 10;
constexpr int background_jobs = 3;   // writing out, merging, and merging beside a long merge
constexpr int cache_shard_bits = 4;  // few threads read
constexpr double cache_share_of_indexes = 0.5;
constexpr double memory_bloom_ratio = 0.02;  // of the write buffer

// A table's newest rows lie in several small lists, so that inserting finds its place
// in one that the processor's cache holds; they are written out merged, as one file.
constexpr int lists_per_file = 4;
constexpr int lists_max = 10;                 // those of two files, and what fills meanwhile
constexpr std::size_t write_buffers_max = 8;  // of all tables together
// Beyond so many sorted runs of a table some of them are merged. With the default of 4 a
// commit cost a fifth more.
constexpr int runs_max = 8;
// What newer runs may hold, in percent of the oldest one, before all of them become one.
constexpr unsigned outdated_percent_max = 100;
// After a crash each list of the replayed log becomes a file of its own. So many of
// them are no reason to slow commits down yet.
constexpr int unmerged_files_slow = 32;
constexpr int unmerged_files_stop = 64;

/// Sums encoded counters. In `kinds` those of a whole user; a key that is not a user's
/// alone is one of schema 2, until it is migrated.
/// The name is stored in the files: never change it.
class AddCounters final : public rocksdb::AssociativeMergeOperator {
 public:
  [[nodiscard]] const char* Name() const override { return "carillon.counters.1"; }

  explicit AddCounters(Table table) : table_{table} {}

  bool Merge(const rocksdb::Slice& key,
             const rocksdb::Slice* existing,
             const rocksdb::Slice& value,
             std::string* sum,
             rocksdb::Logger* /*logger*/) const override {
    if (existing == nullptr) {
      sum->assign(value.data(), value.size());
      return true;
    }
    sum->clear();
    const std::string_view a{existing->data(), existing->size()};
    const std::string_view b{value.data(), value.size()};
    const bool whole_user = table_ == Table::kinds && key.size() == prefix_bytes;
    return whole_user ? add_kinds(*sum, a, b) : add_counters(*sum, a, b);
  }

 private:
  Table table_;
};

/// Keeps RocksDB from recovering on its own: after a failed write the database
/// is opened anew, see RocksStore.
class NoAutomaticRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                            rocksdb::Status /*error*/,
                            bool* automatic) override {
    *automatic = false;
  }
};

/// Another Env with this file system.
class EnvWithFiles final : public rocksdb::EnvWrapper {
 public:
  EnvWithFiles(rocksdb::Env& env, const std::shared_ptr<rocksdb::FileSystem>& files)
      : EnvWrapper{&env} {
    file_system_ = files;
    system_clock_ = env.GetSystemClock();
  }
  [[nodiscard]] const char* Name() const override { return "carillon.env_with_files"; }
  /// For a backup RocksDB asks its Env, not the file system, how much of the log to copy.
  rocksdb::Status GetFileSize(const std::string& name, std::uint64_t* bytes) override {
    return file_system_->GetFileSize(name, {}, bytes, nullptr);
  }
};

/// A log ends when some table's list is full; it is about as long as that list, and holds
/// the other tables' rows.
std::uint64_t spare_log_bytes(const StoreOptions& options) {
  constexpr std::uint64_t page_bytes = 4'096;
  const std::uint64_t list = options.write_buffer_bytes / lists_per_file;
  return (list + list / 4 + page_bytes - 1) / page_bytes * page_bytes;
}

constexpr std::string_view what_to_do =
    "restore a backup, or move the directory away to begin an empty one; nothing was repaired";

rocksdb::DBOptions database_options(const std::string& path,
                                    const StoreOptions& options,
                                    rocksdb::Env* env) {
  rocksdb::DBOptions db;
  if (env != nullptr) db.env = env;
  db.create_if_missing = true;
  db.allow_concurrent_memtable_write = false;  // there is one writer
  db.create_missing_column_families = true;
  db.max_background_jobs = background_jobs;
  db.max_total_wal_size = options.wal_bytes_max;
  db.db_write_buffer_size = write_buffers_max * options.write_buffer_bytes;
  // A torn record at the end of a log is what a crash leaves; any other damage
  // is reported, because what lies behind it was acknowledged. Whether a log that is not
  // the newest may end so, or be absent, the manifest and LogWatch know.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.avoid_flush_during_recovery = true;  // opening must not need room on the disk
  db.skip_stats_update_on_db_open = true;
  db.bytes_per_sync = std::uint64_t{1} << 20U;
  db.info_log = std::make_shared<RocksMessages>(options.log, path);
  db.listeners.push_back(std::make_shared<NoAutomaticRecovery>());
  return db;
}

rocksdb::ColumnFamilyOptions table_options(Table table,
                                           const StoreOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.format_version = 5;
  blocks.cache_index_and_filter_blocks = true;  // so that cache_bytes bounds them too
  blocks.pin_l0_filter_and_index_blocks_in_cache = true;
  // In small parts: the whole index of a file is hundreds of kilobytes, which a
  // read that misses the cache would have to decompress.
  blocks.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  blocks.partition_filters = true;
  blocks.pin_top_level_index_and_filter = true;
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(bloom_bits_per_key));

  rocksdb::ColumnFamilyOptions family;
  family.compression = rocksdb::kLZ4Compression;
  family.write_buffer_size = options.write_buffer_bytes / lists_per_file;
  family.min_write_buffer_number_to_merge = lists_per_file;
  family.max_write_buffer_number = lists_max;
  family.level0_slowdown_writes_trigger = unmerged_files_slow;
  family.level0_stop_writes_trigger = unmerged_files_stop;
  // Sorted runs of rising sizes instead of levels of fixed ones: a row is merged half as
  // often, and a read has fewer places to look in. The price is room on the disk.
  family.compaction_style = rocksdb::kCompactionStyleUniversal;
  family.level0_file_num_compaction_trigger = runs_max;
  family.compaction_options_universal.max_size_amplification_percent = outdated_percent_max;
  if (table != Table::meta && table != Table::ids)
    family.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(prefix_bytes));
  if (table == Table::counts || table == Table::kinds)
    family.merge_operator = std::make_shared<AddCounters>(table);
  if (table == Table::ids || table == Table::counts || table == Table::kinds) {
    // Each event asks whether its id is new, and it nearly always is. Few users have
    // counters among the newest rows, since these come there a few users at a time.
    family.memtable_whole_key_filtering = true;
    family.memtable_prefix_bloom_size_ratio = memory_bloom_ratio;
  }
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  return family;
}

}  // namespace

Error to_error(const rocksdb::Status& status, std::string_view doing, const std::string& path) {
  std::string text = "While ";
  text += doing;
  text += " in " + path + ": " + status.ToString();
  if (status.IsCorruption())
    return {Errc::corrupt, text + ". The store is damaged: " + std::string{what_to_do}};
  if (status.IsNoSpace()) return {Errc::io, text + ". Make room on the disk"};
  if (status.IsIOError()) return {Errc::io, text};
  return {Errc::unavailable, text};
}

Result<std::unique_ptr<RocksTables>> RocksTables::open(const std::string& path,
                                                       const StoreOptions& options,
                                                       rocksdb::Env* env,
                                                       Logs logs) {
  return open_database(database_options(path, options, env), path, options, Access::read_write,
                       logs);
}

Result<std::unique_ptr<RocksTables>> RocksTables::open_read_only(const std::string& path) {
  // With `as_found`, RocksDB would strike out the logs that the manifest names, which is a
  // write: it aborts.
  return open_database(database_options(path, {}, nullptr), path, {}, Access::read_only,
                       Logs::as_in_manifest);
}

Result<std::unique_ptr<RocksTables>> RocksTables::open_database(rocksdb::DBOptions database,
                                                                const std::string& path,
                                                                const StoreOptions& options,
                                                                Access access,
                                                                Logs logs) {
  auto& files = *database.env->GetFileSystem();
  std::vector<LogFile> on_disk;
  if (const auto found = find_logs(files, path, on_disk); !found.ok())
    return to_error(found, "looking for logs", path);
  Files through;
  if (access == Access::read_write) {
    if (const auto trimmed = trim_logs(files, on_disk); !trimmed.ok())
      return to_error(trimmed, "looking for the end of the log", path);
    if (const auto synced = sync_logs(files, path, on_disk); !synced.ok())
      return to_error(synced, "syncing the log", path);
    through.logs = std::make_shared<SpareLogs>(database.env->GetFileSystem(), *database.env, path,
                                               spare_log_bytes(options));
    through.env = std::make_unique<EnvWithFiles>(*database.env, through.logs);
  } else {
    if (const auto found = find_ends(files, on_disk); !found.ok())
      return to_error(found, "looking for the end of the log", path);
    through.env = std::make_unique<EnvWithFiles>(
        *database.env, trimmed_view(database.env->GetFileSystem(), on_disk));
  }
  database.env = through.env.get();
  auto watch = std::make_unique<LogWatch>(std::move(on_disk));
  database.wal_filter = watch.get();
  database.track_and_verify_wals_in_manifest = logs == Logs::as_in_manifest;

  const auto cache = rocksdb::NewLRUCache(options.cache_bytes, cache_shard_bits,
                                          /*strict_capacity_limit=*/false, cache_share_of_indexes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (std::size_t i = 0; i < table_count; ++i)
    families.emplace_back(table_names[i], table_options(static_cast<Table>(i), options, cache));

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = access == Access::read_write
                          ? rocksdb::DB::Open(database, path, families, &handles, &db)
                          : rocksdb::DB::OpenForReadOnly(database, path, families, &handles, &db);
  if (!status.ok()) {
    if (!watch->fault().empty())
      return Error{Errc::corrupt, "The store in " + path + " is damaged: " + watch->fault() + ". " +
                                      std::string{what_to_do}};
    if (status.IsInvalidArgument())
      return Error{
          Errc::unsupported_version,
          "The store in " + path + " was written by another version: " + status.ToString()};
    // An existing database that misses one of its files.
    if (status.IsPathNotFound())
      return to_error(rocksdb::Status::Corruption(status.ToString()), "opening the store", path);
    const auto log = status.IsCorruption() ? damaged_log(files, status, path) : std::string{};
    return to_error(status, log.empty() ? "opening the store" : "reading the log " + log, path);
  }
  std::unique_ptr<RocksTables> tables{new RocksTables{std::move(through), std::move(watch)}};
  tables->db_.reset(db);
  for (std::size_t i = 0; i < table_count; ++i)
    tables->handles_[i] = handles[i];
  return tables;
}

RocksTables::~RocksTables() {
  for (auto* handle : handles_)
    if (handle != nullptr) static_cast<void>(db_->DestroyColumnFamilyHandle(handle));
  if (db_) static_cast<void>(db_->Close());
}

// Asked for, not heard from RocksDB's listener, which tells of a change after it has
// happened, so perhaps after the next one.
StoreLoad RocksTables::load() const {
  using Properties = rocksdb::DB::Properties;
  const auto of = [this](rocksdb::ColumnFamilyHandle* table, const std::string& property) {
    std::uint64_t value = 0;
    return db_->GetIntProperty(table, property, &value) ? value : 0;
  };
  StoreLoad load;
  for (auto* table : handles_) {
    load.unwritten_bytes += of(table, Properties::kCurSizeAllMemTables);
    rocksdb::ColumnFamilyMetaData files;
    db_->GetColumnFamilyMetaData(table, &files);
    const auto& written_out = files.levels.front();
    load.unmerged_files += written_out.files.size();
    load.unmerged_bytes += written_out.size;
  }
  load.delayed_byte_rate = of(handles_[0], Properties::kActualDelayedWriteRate);
  if (load.delayed_byte_rate > 0) load.stall = WriteStall::delayed;
  if (of(handles_[0], Properties::kIsWriteStopped) > 0) load.stall = WriteStall::stopped;
  return load;
}

void RocksTables::begin_spare_logs() {
  if (files_.logs) files_.logs->begin();
}

rocksdb::Status RocksTables::flush() {
  return db_->Flush(rocksdb::FlushOptions{}, {handles_.begin(), handles_.end()});
}

}  // namespace carillon::persistence
