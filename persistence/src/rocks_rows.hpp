#pragma once

#include "persistence/src/rocks_tables.hpp"
#include "persistence/src/rows.hpp"

#include <rocksdb/utilities/write_batch_with_index.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::persistence {

/// The rows at the moment of construction. One thread.
class RocksSnapshot final : public Rows {
 public:
  explicit RocksSnapshot(const RocksTables& tables);
  ~RocksSnapshot() override;
  RocksSnapshot(const RocksSnapshot&) = delete;
  RocksSnapshot& operator=(const RocksSnapshot&) = delete;

  [[nodiscard]] engine::Result<bool> get(Table table,
                                         std::string_view key,
                                         std::string& value) const override;
  [[nodiscard]] std::unique_ptr<RowIterator> range(Table table,
                                                   std::string_view prefix,
                                                   std::string_view start,
                                                   Direction direction) const override;

 private:
  const RocksTables& tables_;
  const rocksdb::Snapshot* snapshot_;
};

/// Which counter rows have had many additions since they were last written whole.
///
/// An addition that is not summed up yet costs every read of its row, so after
/// `additions_max` of them a row is due to be read and written whole. (RocksDB's
/// max_successive_merges does that too, but searches its memory for each addition:
/// a sixth of a commit's time.) Rows are told apart by their hash alone; two in one
/// slot are merely due earlier. One thread: the writer's.
class AdditionCounts {
 public:
  /// Counts an addition; true if the row is due, which begins anew with it.
  [[nodiscard]] bool due(Table table, std::string_view key) noexcept;

 private:
  static constexpr std::size_t slot_count = std::size_t{1} << 16U;
  static constexpr std::uint8_t additions_max = 32;

  std::array<std::uint8_t, slot_count> slots_{};
};

/// The writes of one commit, and the rows as they will be after it. One thread,
/// while nobody else writes.
///
/// A batch of events alone, the common case, is kept as lists of writes, sorted in
/// the end because RocksDB inserts a key fastest behind its neighbour. One that holds a
/// change is indexed, so that the change sees what came before it in the same batch.
class RocksBatch final : public Rows, public RowWriter {
 public:
  RocksBatch(const RocksTables& tables, AdditionCounts& additions, bool indexed);

  [[nodiscard]] engine::Result<bool> get(Table table,
                                         std::string_view key,
                                         std::string& value) const override;
  [[nodiscard]] std::unique_ptr<RowIterator> range(Table table,
                                                   std::string_view prefix,
                                                   std::string_view start,
                                                   Direction direction) const override;
  void put(Table table, std::string_view key, std::string_view value) override;
  void erase(Table table, std::string_view key) override;
  void add(Table table, std::string_view key, std::string_view counters) override;

  /// All writes so far, once; or why they could not be collected.
  [[nodiscard]] rocksdb::Status take(rocksdb::WriteBatch*& writes);

 private:
  enum class Kind : std::uint8_t { put, addition, erasure };
  struct Write {
    std::string key;
    std::string value{};
    Kind kind = Kind::put;
  };
  [[nodiscard]] static rocksdb::Status add_to(rocksdb::WriteBatch& batch,
                                              rocksdb::ColumnFamilyHandle* handle,
                                              const Write& write);
  void write(Table table, Write write);
  [[nodiscard]] rocksdb::Status sum(Table table, std::string_view key, std::string& counters) const;

  const RocksTables& tables_;
  AdditionCounts& additions_;
  mutable std::unique_ptr<rocksdb::WriteBatchWithIndex> indexed_;  // or else the next two
  std::array<std::vector<Write>, table_count> lists_;
  rocksdb::WriteBatch plain_;
  rocksdb::Status status_;
};

}  // namespace carillon::persistence
