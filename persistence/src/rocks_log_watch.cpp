#include "persistence/src/rocks_log_watch.hpp"

#include "persistence/src/coding.hpp"
#include "persistence/src/meta_rows.hpp"

#include <rocksdb/write_batch.h>

#include <algorithm>

namespace carillon::persistence {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

constexpr std::uint32_t meta_id = 0;                  // RocksDB's of its first table
constexpr std::size_t encoded_log_bytes = 8 + 8 + 1;  // number, bytes, tables

}  // namespace

/// Shows each row of a batch to the watch.
class LogWatch::Rows final : public rocksdb::WriteBatch::Handler {
 public:
  explicit Rows(LogWatch& watch) : watch_{watch}, tables_{watch.tables_of_[watch.log_]} {}

  Status PutCF(std::uint32_t table, const Slice& key, const Slice& value) override {
    note(table);
    if (table != meta_id) return {};
    if (key == Slice{meta_commits.data(), meta_commits.size()})
      watch_.check_commit({value.data(), value.size()});
    if (key == Slice{meta_logs.data(), meta_logs.size()})
      watch_.check_replayed({value.data(), value.size()});
    return {};
  }
  Status MergeCF(std::uint32_t table, const Slice& /*key*/, const Slice& /*value*/) override {
    return note(table);
  }
  Status DeleteCF(std::uint32_t table, const Slice& /*key*/) override { return note(table); }
  Status SingleDeleteCF(std::uint32_t table, const Slice& /*key*/) override { return note(table); }
  Status DeleteRangeCF(std::uint32_t table, const Slice& /*from*/, const Slice& /*to*/) override {
    return note(table);
  }
  void LogData(const Slice& /*data*/) override {}
  Status MarkNoop(bool /*empty_batch*/) override { return {}; }

 private:
  Status note(std::uint32_t table) {
    tables_ = static_cast<std::uint8_t>(tables_ | (1U << table));
    return {};
  }

  LogWatch& watch_;
  std::uint8_t& tables_;
};

static_assert(table_count <= 8, "a log's tables are the bits of a byte");

void LogWatch::ColumnFamilyLogNumberMap(const std::map<std::uint32_t, std::uint64_t>& first_logs,
                                        const std::map<std::string, std::uint32_t>& /*ids*/) {
  first_logs_ = first_logs;
}

LogWatch::WalProcessingOption LogWatch::LogRecordFound(
    unsigned long long log,  // NOLINT(google-runtime-int)
    const std::string& /*path*/,
    const rocksdb::WriteBatch& batch,
    rocksdb::WriteBatch* /*changed*/,
    bool* /*is_changed*/) {
  log_ = log;
  Rows rows{*this};
  // RocksDB reads it next, and says it if this can't be read.
  static_cast<void>(batch.Iterate(&rows));
  return fault_.empty() ? WalProcessingOption::kContinueProcessing
                        : WalProcessingOption::kCorruptedRecord;
}

bool LogWatch::is_needed(std::uint32_t table, std::uint64_t log) const {
  const auto first = first_logs_.find(table);
  return first != first_logs_.end() && first->second <= log;
}

std::uint64_t LogWatch::bytes_on_disk(std::uint64_t log) const {
  const auto found = std::find_if(on_disk_.begin(), on_disk_.end(),
                                  [log](const LogFile& file) { return file.number == log; });
  return found == on_disk_.end() ? 0 : found->bytes;
}

// Commits whose rows of meta are in sorted files are not looked at: their logs may be there
// or not, RocksDB removes them when the other tables are written out too.
void LogWatch::check_commit(std::string_view value) {
  if (value.size() != 8 || !is_needed(meta_id, log_)) return;
  const auto commit = get_fixed<8>(value.data());
  if (commit_ && commit != *commit_ + 1 && fault_.empty())
    fault_ = "after commit " + std::to_string(*commit_) + ", the last one in " +
             log_name(commits_log_) + ", comes commit " + std::to_string(commit) + " in " +
             log_name(log_) + ": the end of the former, or a log between the two, is lost";
  commit_ = commit;
  commits_log_ = log_;
}

void LogWatch::check_replayed(std::string_view row) {
  for (; row.size() >= encoded_log_bytes; row.remove_prefix(encoded_log_bytes)) {
    const auto log = get_fixed<8>(row.data());
    const auto bytes = get_fixed<8>(row.data() + 8);
    const auto tables = static_cast<std::uint8_t>(row[16]);
    const auto left = bytes_on_disk(log);
    if (left >= bytes || !fault_.empty()) continue;
    bool needed = false;
    for (std::uint32_t table = 0; table < table_count; ++table)
      needed = needed || ((tables >> table & 1U) != 0 && is_needed(table, log));
    if (needed)
      fault_ = "its log " + log_name(log) + " had " + std::to_string(bytes) + " bytes, of which " +
               std::to_string(left) + " are left";
  }
}

std::string LogWatch::replayed() const {
  std::string row;
  for (const auto& [log, tables] : tables_of_) {
    put_fixed<8>(row, log);
    put_fixed<8>(row, bytes_on_disk(log));
    put_fixed<1>(row, tables);
  }
  return row;
}

}  // namespace carillon::persistence
