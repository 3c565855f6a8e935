#pragma once

#include "persistence/src/pending_counters.hpp"
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
///
/// A user's kinds lie in one row here, under the user alone; range() shows a row for each,
/// as Rows has them.
class RocksSnapshot final : public Rows {
 public:
  /// `pending`: what the rows of counters lack at this moment; without it they are as they are.
  explicit RocksSnapshot(const RocksTables& tables,
                         std::unique_ptr<const CounterView> pending = nullptr);
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
  [[nodiscard]] engine::Result<void> read_kinds(std::string_view user, KindSums& kinds) const;

  const RocksTables& tables_;
  const rocksdb::Snapshot* snapshot_;
  std::unique_ptr<const CounterView> pending_;
};

/// Which counter rows have had many additions since they were last written whole.
///
/// An addition that is not summed up yet costs every read of its row, so after
/// `additions_max` of them a row is due to be read and written whole. (RocksDB's
/// max_successive_merges does that too, but searches its memory for each addition.) Rows are told
/// apart by their hash alone; two in one slot are merely due earlier. One thread: the writer's.
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
  /// Of a user's counters: collected, for take_additions() or merge_additions().
  void add(Table table, std::string_view key, std::string_view counters) override;

  /// What was added, one after the other per user (see append_additions), once.
  [[nodiscard]] std::string take_additions();
  /// The same straight to the rows.
  void merge_additions();
  /// Adds to a row of counters as RocksDB has it: of kinds, to a user's row of all of them.
  void merge(Table table, std::string_view key, std::string_view operand);
  /// Of the rows that are there before this commit.
  void erase_range(Table table, std::string_view begin, std::string_view end);

  /// Puts this into the log, in front of the writes. REQUIRES that there are none yet.
  void note(std::string_view text);
  /// All writes so far, once; or why they could not be collected.
  [[nodiscard]] rocksdb::Status take(rocksdb::WriteBatch*& writes);

 private:
  enum class Kind : std::uint8_t { put, addition, erasure };
  /// A key and a value behind it, in bytes_.
  struct Write {
    std::size_t at;
    std::uint32_t key_bytes;
    std::uint32_t value_bytes;
    Kind kind;
  };
  using Writes = std::vector<Write>;
  void keep(Writes& list, Kind kind, std::string_view key, std::string_view value);
  void write(Table table, Kind kind, std::string_view key, std::string_view value);
  [[nodiscard]] static rocksdb::Status add_to(rocksdb::WriteBatch& batch,
                                              rocksdb::ColumnFamilyHandle* handle,
                                              Kind kind,
                                              std::string_view key,
                                              std::string_view value);
  void sort(Writes& list) const;
  [[nodiscard]] std::string_view key_of(const Write& write) const noexcept {
    return {bytes_.data() + write.at, write.key_bytes};
  }
  [[nodiscard]] std::string_view value_of(const Write& write) const noexcept {
    return {bytes_.data() + write.at + write.key_bytes, write.value_bytes};
  }
  template <class Take>
  void each_addition(Take&& take);
  [[nodiscard]] rocksdb::Status sum(Table table,
                                    std::string_view key,
                                    std::string_view operand,
                                    std::string& whole) const;

  const RocksTables& tables_;
  AdditionCounts& additions_;
  mutable std::unique_ptr<rocksdb::WriteBatchWithIndex> indexed_;  // or else the next two
  std::array<Writes, table_count> lists_;
  std::string bytes_;  // of all writes: one piece of memory, not two for each
  Writes counts_;      // additions
  Writes kinds_;       // additions
  rocksdb::WriteBatch plain_;
  rocksdb::Status status_;
};

}  // namespace carillon::persistence
