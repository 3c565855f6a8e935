#include "persistence/src/rocks_rows.hpp"

#include "persistence/src/assert.hpp"
#include "persistence/src/counters.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/user_kinds.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::UserId;

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

  [[nodiscard]] rocksdb::ReadOptions options() const {
    rocksdb::ReadOptions read;
    const bool within_prefix = prefix.size() >= prefix_bytes;
    read.prefix_same_as_start = within_prefix;
    read.total_order_seek = !within_prefix;
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

/// Kinds as Rows has them: a row each.
class KindRows final : public RowIterator {
 public:
  KindRows(std::string_view user, const KindSums& kinds, std::string_view start) {
    for (const auto& [kind, count] : kinds) {
      auto& [key, value] = rows_.emplace_back(std::string{user} + kind, std::string{});
      Counters counters;
      counters.lanes[kind_lane] = count;
      append_counters(value, counters);
    }
    KindRows::seek(start);
  }

  [[nodiscard]] bool valid() const override { return at_ != rows_.end(); }
  [[nodiscard]] std::string_view key() const override { return at_->first; }
  [[nodiscard]] std::string_view value() const override { return at_->second; }
  void next() override { ++at_; }
  void seek(std::string_view key) override {
    at_ =
        std::lower_bound(rows_.begin(), rows_.end(), key,
                         [](const auto& row, std::string_view other) { return row.first < other; });
  }
  [[nodiscard]] Result<void> outcome() const override { return {}; }

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
  std::vector<std::pair<std::string, std::string>>::const_iterator at_;
};

/// Nothing, and why.
class NoRows final : public RowIterator {
 public:
  explicit NoRows(engine::Error reason) : reason_{std::move(reason)} {}
  [[nodiscard]] bool valid() const override { return false; }
  [[nodiscard]] std::string_view key() const override { return {}; }
  [[nodiscard]] std::string_view value() const override { return {}; }
  void next() override {}
  void seek(std::string_view /*key*/) override {}
  [[nodiscard]] Result<void> outcome() const override { return reason_; }

 private:
  engine::Error reason_;
};

UserId user_of(std::string_view key) noexcept {
  UserId user;
  std::memcpy(user.bytes.data(), key.data(), std::min(key.size(), user.bytes.size()));
  return user;
}

Result<bool> found(const rocksdb::Status& status, const RocksTables& tables) {
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return to_error(status, "reading", tables.db().GetName());
}

}  // namespace

RocksSnapshot::RocksSnapshot(const RocksTables& tables, std::unique_ptr<const CounterView> pending)
    : tables_{tables}, snapshot_{tables.db().GetSnapshot()}, pending_{std::move(pending)} {
}

RocksSnapshot::~RocksSnapshot() {
  tables_.db().ReleaseSnapshot(snapshot_);
}

Result<bool> RocksSnapshot::get(Table table, std::string_view key, std::string& value) const {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot_;
  auto there = found(tables_.db().Get(read, tables_.handle(table), slice(key), &value), tables_);
  // Other rows of counts are of something else, and whole.
  if (table != Table::counts || key.size() != prefix_bytes || !pending_ || !there) return there;
  Counters sum;
  if (*there && !add_encoded(sum, value)) return damaged("a count", key);
  pending_->add_counts(user_of(key), sum);
  value.clear();
  append_counters(value, sum);
  return *there || sum.last != 0;
}

Result<void> RocksSnapshot::read_kinds(std::string_view user, KindSums& kinds) const {
  std::string row;
  const auto there = get(Table::kinds, user, row);
  if (!there) return there.error();
  if (!add_kinds(kinds, row)) return damaged("a kind", user);
  if (pending_) pending_->add_kinds(user_of(user), kinds);
  return {};
}

std::unique_ptr<RowIterator> RocksSnapshot::range(Table table,
                                                  std::string_view prefix,
                                                  std::string_view start,
                                                  Direction direction) const {
  if (table == Table::kinds) {
    KindSums kinds;
    if (auto done = read_kinds(prefix, kinds); !done) return std::make_unique<NoRows>(done.error());
    return std::make_unique<KindRows>(prefix, kinds, start);
  }
  auto bounds = std::make_unique<const Bounds>(prefix);
  auto read = bounds->options();
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
  const auto read = bounds->options();
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
    keep(lists_[static_cast<std::size_t>(table)], Kind::put, key, value);
  }
}

void RocksBatch::erase(Table table, std::string_view key) {
  if (!status_.ok()) return;
  if (indexed_) {
    status_ = indexed_->Delete(tables_.handle(table), slice(key));
  } else {
    keep(lists_[static_cast<std::size_t>(table)], Kind::erasure, key, {});
  }
}

void RocksBatch::add(Table table, std::string_view key, std::string_view counters) {
  if (table == Table::counts && key.size() != prefix_bytes) return merge(table, key, counters);
  keep(table == Table::counts ? counts_ : kinds_, Kind::addition, key, counters);
}

/// Calls take(user, counts, kinds), both as operands of the user's rows, which may be empty.
template <class Take>
void RocksBatch::each_addition(Take&& take) {
  sort(counts_);
  sort(kinds_);
  std::string kinds;
  auto count = counts_.begin();
  auto kind = kinds_.begin();
  while (count != counts_.end() || kind != kinds_.end()) {
    std::string_view key;
    if (count != counts_.end()) key = key_of(*count);
    if (kind != kinds_.end() && (key.empty() || key_of(*kind) < key))
      key = key_of(*kind).substr(0, prefix_bytes);
    const auto user = user_of(key);
    kinds.clear();
    for (; kind != kinds_.end() && key_of(*kind).starts_with(bytes_of(user)); ++kind) {
      Counters added;
      const bool sound = add_encoded(added, value_of(*kind));
      CARILLON_STORE_ASSERT(sound, "counters are encoded by this process");
      if (added.lanes[kind_lane] != 0)
        append_kind(kinds, key_of(*kind).substr(prefix_bytes), added.lanes[kind_lane]);
    }
    std::string counts;
    if (count != counts_.end() && key_of(*count) == bytes_of(user)) counts = value_of(*count++);
    take(user, counts, kinds);
  }
  counts_.clear();
  kinds_.clear();
}

std::string RocksBatch::take_additions() {
  std::string additions;
  each_addition([&](const UserId& user, std::string_view counts, std::string_view kinds) {
    append_additions(additions, user, counts, kinds);
  });
  return additions;
}

void RocksBatch::merge_additions() {
  each_addition([&](const UserId& user, std::string_view counts, std::string_view kinds) {
    if (!counts.empty()) merge(Table::counts, bytes_of(user), counts);
    if (!kinds.empty()) merge(Table::kinds, bytes_of(user), kinds);
  });
}

void RocksBatch::merge(Table table, std::string_view key, std::string_view operand) {
  if (!status_.ok()) return;
  if (!additions_.due(table, key)) return write(table, Kind::addition, key, operand);
  std::string whole;
  status_ = sum(table, key, operand, whole);
  write(table, Kind::put, key, whole);
}

void RocksBatch::erase_range(Table table, std::string_view begin, std::string_view end) {
  if (!status_.ok()) return;
  auto& writes = indexed_ ? *indexed_->GetWriteBatch() : plain_;
  status_ = writes.DeleteRange(tables_.handle(table), slice(begin), slice(end));
}

void RocksBatch::keep(Writes& list, Kind kind, std::string_view key, std::string_view value) {
  list.push_back({.at = bytes_.size(),
                  .key_bytes = static_cast<std::uint32_t>(key.size()),
                  .value_bytes = static_cast<std::uint32_t>(value.size()),
                  .kind = kind});
  bytes_ += key;
  bytes_ += value;
}

/// Of counters: nobody reads them within a commit, so they need no index.
void RocksBatch::write(Table table, Kind kind, std::string_view key, std::string_view value) {
  if (!status_.ok()) return;
  if (indexed_) {
    status_ = add_to(*indexed_->GetWriteBatch(), tables_.handle(table), kind, key, value);
  } else {
    keep(lists_[static_cast<std::size_t>(table)], kind, key, value);
  }
}

rocksdb::Status RocksBatch::add_to(rocksdb::WriteBatch& batch,
                                   rocksdb::ColumnFamilyHandle* handle,
                                   Kind kind,
                                   std::string_view key,
                                   std::string_view value) {
  switch (kind) {
    case Kind::put:
      return batch.Put(handle, slice(key), slice(value));
    case Kind::addition:
      return batch.Merge(handle, slice(key), slice(value));
    case Kind::erasure:
      return batch.Delete(handle, slice(key));
  }
  return rocksdb::Status::OK();
}

void RocksBatch::sort(Writes& list) const {
  std::sort(list.begin(), list.end(),
            [this](const Write& a, const Write& b) { return key_of(a) < key_of(b); });
}

rocksdb::Status RocksBatch::sum(Table table,
                                std::string_view key,
                                std::string_view operand,
                                std::string& whole) const {
  std::string row;
  auto status = tables_.db().Get({}, tables_.handle(table), slice(key), &row);
  if (status.IsNotFound()) {
    whole = operand;
    return rocksdb::Status::OK();
  }
  if (!status.ok()) return status;
  const bool sound =
      table == Table::kinds ? add_kinds(whole, row, operand) : add_counters(whole, row, operand);
  if (!sound) return rocksdb::Status::Corruption("a count can't be read");
  return rocksdb::Status::OK();
}

void RocksBatch::note(std::string_view text) {
  status_ = indexed_ ? indexed_->PutLogData(slice(text)) : plain_.PutLogData(slice(text));
}

rocksdb::Status RocksBatch::take(rocksdb::WriteBatch*& writes) {
  writes = indexed_ ? indexed_->GetWriteBatch() : &plain_;
  for (std::size_t i = 0; i < table_count; ++i) {
    auto& list = lists_[i];
    sort(list);
    auto* handle = tables_.handle(static_cast<Table>(i));
    for (const auto& write : list) {
      if (!status_.ok()) return status_;
      status_ = add_to(plain_, handle, write.kind, key_of(write), value_of(write));
    }
    list.clear();
  }
  return status_;
}

}  // namespace carillon::persistence
