#include "persistence/src/rocks_rows.hpp"

#include "persistence/src/counters.hpp"
#include "persistence/src/keys.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Result;

rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

/// The least key above all that begin with `prefix`; empty if there is none.
std::string end_of(std::string_view prefix) {
  std::string end{prefix};
  while (!end.empty() && end.back() == '\xFF')
    end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1U);
  return end;
}

/// RocksDB wants the bounds of an iterator to stay where they are.
struct Bounds {
  explicit Bounds(std::string_view of) : prefix{of}, end{end_of(of)}, lower{prefix}, upper{end} {}
  ~Bounds() = default;
  Bounds(const Bounds&) = delete;
  Bounds& operator=(const Bounds&) = delete;

  [[nodiscard]] rocksdb::ReadOptions options(Table table, Direction direction) const {
    rocksdb::ReadOptions read;
    const bool within_prefix = prefix.size() >= prefix_bytes;
    read.prefix_same_as_start = within_prefix;
    read.total_order_seek =
        !within_prefix || (holds_counters(table) && direction == Direction::descending);
    read.iterate_lower_bound = &lower;
    if (!end.empty()) read.iterate_upper_bound = &upper;
    return read;
  }

  const std::string prefix;
  const std::string end;
  const rocksdb::Slice lower;
  const rocksdb::Slice upper;
};

class RocksIterator final : public RowIterator {
 public:
  RocksIterator(std::unique_ptr<const Bounds> bounds,
                std::unique_ptr<rocksdb::Iterator> rows,
                std::string_view start,
                Direction direction,
                const RocksTables& tables)
      : bounds_{std::move(bounds)}, rows_{std::move(rows)}, direction_{direction}, tables_{tables} {
    if (direction == Direction::ascending) {
      rows_->Seek(slice(start));
    } else {
      rows_->SeekForPrev(slice(start));
    }
  }

  [[nodiscard]] bool valid() const override {
    return rows_->Valid() && view(rows_->key()).starts_with(bounds_->prefix);
  }
  [[nodiscard]] std::string_view key() const override { return view(rows_->key()); }
  [[nodiscard]] std::string_view value() const override { return view(rows_->value()); }
  void next() override {
    if (direction_ == Direction::ascending) {
      rows_->Next();
    } else {
      rows_->Prev();
    }
  }
  void seek(std::string_view key) override { rows_->Seek(slice(key)); }
  [[nodiscard]] Result<void> outcome() const override {
    const auto status = rows_->status();
    if (status.ok()) return {};
    return to_error(status, "reading", tables_.db().GetName());
  }

 private:
  std::unique_ptr<const Bounds> bounds_;  // outlives rows_
  std::unique_ptr<rocksdb::Iterator> rows_;
  Direction direction_;
  const RocksTables& tables_;
};

Result<bool> found(const rocksdb::Status& status, const RocksTables& tables) {
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return to_error(status, "reading", tables.db().GetName());
}

}  // namespace

RocksSnapshot::RocksSnapshot(const RocksTables& tables)
    : tables_{tables}, snapshot_{tables.db().GetSnapshot()} {
}

RocksSnapshot::~RocksSnapshot() {
  tables_.db().ReleaseSnapshot(snapshot_);
}

Result<bool> RocksSnapshot::get(Table table, std::string_view key, std::string& value) const {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot_;
  return found(tables_.db().Get(read, tables_.handle(table), slice(key), &value), tables_);
}

std::unique_ptr<RowIterator> RocksSnapshot::range(Table table,
                                                  std::string_view prefix,
                                                  std::string_view start,
                                                  Direction direction) const {
  auto bounds = std::make_unique<const Bounds>(prefix);
  auto read = bounds->options(table, direction);
  read.snapshot = snapshot_;
  std::unique_ptr<rocksdb::Iterator> rows{tables_.db().NewIterator(read, tables_.handle(table))};
  return std::make_unique<RocksIterator>(std::move(bounds), std::move(rows), start, direction,
                                         tables_);
}

bool AdditionCounts::due(Table table, std::string_view key) noexcept {
  const auto hash = std::hash<std::string_view>{}(key) + static_cast<std::size_t>(table);
  auto& additions = slots_[hash % slot_count];
  if (++additions < additions_max) return false;
  additions = 0;
  return true;
}

RocksBatch::RocksBatch(const RocksTables& tables, AdditionCounts& additions, bool indexed)
    : tables_{tables}, additions_{additions} {
  if (indexed)
    indexed_ = std::make_unique<rocksdb::WriteBatchWithIndex>(rocksdb::BytewiseComparator(), 0,
                                                              /*overwrite_key=*/true);
}

Result<bool> RocksBatch::get(Table table, std::string_view key, std::string& value) const {
  const rocksdb::ReadOptions read;
  auto* handle = tables_.handle(table);
  if (!indexed_) return found(tables_.db().Get(read, handle, slice(key), &value), tables_);
  return found(indexed_->GetFromBatchAndDB(&tables_.db(), read, handle, slice(key), &value),
               tables_);
}

std::unique_ptr<RowIterator> RocksBatch::range(Table table,
                                               std::string_view prefix,
                                               std::string_view start,
                                               Direction direction) const {
  auto bounds = std::make_unique<const Bounds>(prefix);
  const auto read = bounds->options(table, direction);
  auto* handle = tables_.handle(table);
  auto* rows = tables_.db().NewIterator(read, handle);
  if (indexed_) rows = indexed_->NewIteratorWithBase(handle, rows, &read);
  return std::make_unique<RocksIterator>(
      std::move(bounds), std::unique_ptr<rocksdb::Iterator>{rows}, start, direction, tables_);
}

void RocksBatch::put(Table table, std::string_view key, std::string_view value) {
  if (!status_.ok()) return;
  if (indexed_) {
    status_ = indexed_->Put(tables_.handle(table), slice(key), slice(value));
  } else {
    write(table, {.key = std::string{key}, .value = std::string{value}});
  }
}

void RocksBatch::erase(Table table, std::string_view key) {
  if (!status_.ok()) return;
  if (indexed_) {
    status_ = indexed_->Delete(tables_.handle(table), slice(key));
  } else {
    write(table, {.key = std::string{key}, .kind = Kind::erasure});
  }
}

void RocksBatch::add(Table table, std::string_view key, std::string_view counters) {
  if (!status_.ok()) return;
  Write addition{.key = std::string{key}, .value = std::string{counters}, .kind = Kind::addition};
  if (additions_.due(table, key)) {
    status_ = sum(table, key, addition.value);
    addition.kind = Kind::put;
  }
  write(table, std::move(addition));
}

void RocksBatch::write(Table table, Write write) {
  if (!indexed_) {
    lists_[static_cast<std::size_t>(table)].push_back(std::move(write));
    return;
  }
  if (!status_.ok()) return;
  // Counters: nobody reads them within a commit, so they need no index.
  status_ = add_to(*indexed_->GetWriteBatch(), tables_.handle(table), write);
}

rocksdb::Status RocksBatch::add_to(rocksdb::WriteBatch& batch,
                                   rocksdb::ColumnFamilyHandle* handle,
                                   const Write& write) {
  switch (write.kind) {
    case Kind::put:
      return batch.Put(handle, write.key, write.value);
    case Kind::addition:
      return batch.Merge(handle, write.key, write.value);
    case Kind::erasure:
      return batch.Delete(handle, write.key);
  }
  return rocksdb::Status::OK();
}

rocksdb::Status RocksBatch::sum(Table table, std::string_view key, std::string& counters) const {
  std::string row;
  auto status = tables_.db().Get({}, tables_.handle(table), slice(key), &row);
  if (status.IsNotFound()) return rocksdb::Status::OK();
  if (!status.ok()) return status;
  Counters sum;
  if (!add_encoded(sum, row) || !add_encoded(sum, counters))
    return rocksdb::Status::Corruption("a count can't be read");
  counters.clear();
  append_counters(counters, sum);
  return status;
}

rocksdb::Status RocksBatch::take(rocksdb::WriteBatch*& writes) {
  writes = indexed_ ? indexed_->GetWriteBatch() : &plain_;
  for (std::size_t i = 0; i < table_count; ++i) {
    auto& list = lists_[i];
    std::sort(list.begin(), list.end(),
              [](const Write& a, const Write& b) { return a.key < b.key; });
    auto* handle = tables_.handle(static_cast<Table>(i));
    for (const auto& write : list) {
      if (!status_.ok()) return status_;
      status_ = add_to(plain_, handle, write);
    }
    list.clear();
  }
  return status_;
}

}  // namespace carillon::persistence
