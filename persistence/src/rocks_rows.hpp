#pragma once

#include "persistence/src/rocks_tables.hpp"
#include "persistence/src/rows.hpp"

#include <rocksdb/utilities/write_batch_with_index.h>
#include <rocksdb/write_batch.h>

namespace carillon::persistence {

/// The rows at the moment of construction. One thread.
class RocksSnapshot final : public Rows {
 public:
  explicit RocksSnapshot(const RocksTables& tables);
  ~RocksSnapshot() override;

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

/// The writes of one commit, and the rows as they will be after it. One thread,
/// while nobody else writes.
///
/// A batch of events alone, the common case, is kept as a plain list of writes;
/// one that holds a change is indexed, so that the change sees what came before
/// it in the same batch.
class RocksBatch final : public Rows, public RowWriter {
 public:
  RocksBatch(const RocksTables& tables, bool indexed);

  [[nodiscard]] engine::Result<bool> get(Table table,
                                         std::string_view key,
                                         std::string& value) const override;
  [[nodiscard]] std::unique_ptr<RowIterator> range(Table table,
                                                   std::string_view prefix,
                                                   std::string_view start,
                                                   Direction direction) const override;
  void put(Table table, std::string_view key, std::string_view value) override;
  void add(Table table, std::string_view key, std::string_view counters) override;

  /// Of the writes so far: memory ran out, if it is not ok.
  [[nodiscard]] const rocksdb::Status& status() const noexcept { return status_; }
  [[nodiscard]] rocksdb::WriteBatch& writes() noexcept;

 private:
  const RocksTables& tables_;
  mutable std::unique_ptr<rocksdb::WriteBatchWithIndex> indexed_;  // or else plain_
  rocksdb::WriteBatch plain_;
  rocksdb::Status status_;
};

}  // namespace carillon::persistence
