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
    read.prefix_same_as_start = true;
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
    at_ = std::lower_bound(rows_.begin(), rows_.end(), start,
                           [](const auto& row, std::string_view key) { return row.first < key; });
  }

  [[nodiscard]] bool valid() const override { return at_ != rows_.end(); }
  [[nodiscard]] std::string_view key() const override { return at_->first; }
  [[nodiscard]] std::string_view value() const override { return at_->second; }
  void next() override { ++at_; }
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
  if (table != Table::counts || !pending_ || !there) return there;
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
  for (std::string_view rest = row; !rest.empty();) {
    const auto taken = take_kind(rest);
    if (!taken) return damaged("a kind", user);
    kinds[std::string{taken->kind}] += taken->count;
  }
  if (!pending_ || pending_->kinds_apart())
    if (auto read = read_kinds_apart(user, kinds); !read) return read;
  if (pending_) pending_->add_kinds(user_of(user), kinds);
  return {};
}

Result<void> RocksSnapshot::read_kinds_apart(std::string_view user, KindSums& kinds) const {
  const Bounds bounds{user};
  auto read = bounds.options();
  read.snapshot = snapshot_;
  const std::unique_ptr<rocksdb::Iterator> rows{
      tables_.db().NewIterator(read, tables_.handle(Table::kinds))};
  for (rows->Seek(slice(user)); rows->Valid(); rows->Next()) {
    const auto kind = view(rows->key()).substr(user.size());
    if (kind.empty()) continue;  // the row of all kinds
    Counters count;
    if (!add_encoded(count, view(rows->value()))) return damaged("a kind", view(rows->key()));
    kinds[std::string{kind}] += count.lanes[kind_lane];
  }
  if (!rows->status().ok()) return to_error(rows->status(), "reading", tables_.db().GetName());
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
    keep(lists_[static_cast<std::size_t>(table)], key, value, /*addition=*/false);
  }
}

void RocksBatch::add(Table table, std::string_view key, std::string_view counters) {
  keep(table == Table::counts ? counts_ : kinds_, key, counters, /*addition=*/true);
}

std::string RocksBatch::take_additions(std::size_t& users) {
  sort(counts_);
  sort(kinds_);
  std::string additions;
  std::string kinds;
  auto count = counts_.begin();
  auto kind = kinds_.begin();
  for (users = 0; count != counts_.end() || kind != kinds_.end(); ++users) {
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
      append_kind(kinds, key_of(*kind).substr(prefix_bytes), added.lanes[kind_lane]);
    }
    const bool counted = count != counts_.end() && key_of(*count) == bytes_of(user);
    append_additions(additions, user, counted ? value_of(*count) : std::string_view{}, kinds);
    if (counted) ++count;
  }
  counts_.clear();
  kinds_.clear();
  return additions;
}

void RocksBatch::merge(Table table, std::string_view user, std::string_view operand) {
  if (!status_.ok()) return;
  std::string whole;
  const bool addition = !additions_.due(table, user);
  if (!addition) {
    status_ = sum(table, user, operand, whole);
    operand = whole;
  }
  if (!indexed_) {
    keep(lists_[static_cast<std::size_t>(table)], user, operand, addition);
    return;
  }
  if (!status_.ok()) return;
  // Counters: nobody reads them within a commit, so they need no index.
  auto& writes = *indexed_->GetWriteBatch();
  auto* handle = tables_.handle(table);
  status_ = addition ? writes.Merge(handle, slice(user), slice(operand))
                     : writes.Put(handle, slice(user), slice(operand));
}

void RocksBatch::erase_range(Table table, std::string begin, std::string end) {
  if (!status_.ok()) return;
  auto& writes = indexed_ ? *indexed_->GetWriteBatch() : plain_;
  status_ = writes.DeleteRange(tables_.handle(table), begin, end);
}

void RocksBatch::keep(Writes& list, std::string_view key, std::string_view value, bool addition) {
  list.push_back({.at = bytes_.size(),
                  .key_bytes = static_cast<std::uint32_t>(key.size()),
                  .value_bytes = static_cast<std::uint32_t>(value.size()),
                  .addition = addition});
  bytes_ += key;
  bytes_ += value;
}

void RocksBatch::sort(Writes& list) const {
  std::sort(list.begin(), list.end(),
            [this](const Write& a, const Write& b) { return key_of(a) < key_of(b); });
}

rocksdb::Status RocksBatch::sum(Table table,
                                std::string_view user,
                                std::string_view operand,
                                std::string& whole) const {
  std::string row;
  auto status = tables_.db().Get({}, tables_.handle(table), slice(user), &row);
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

rocksdb::Status RocksBatch::take(rocksdb::WriteBatch*& writes) {
  writes = indexed_ ? indexed_->GetWriteBatch() : &plain_;
  for (std::size_t i = 0; i < table_count; ++i) {
    auto& list = lists_[i];
    sort(list);
    auto* handle = tables_.handle(static_cast<Table>(i));
    for (const auto& write : list) {
      if (!status_.ok()) return status_;
      const auto key = slice(key_of(write));
      const auto value = slice(value_of(write));
      status_ = write.addition ? plain_.Merge(handle, key, value) : plain_.Put(handle, key, value);
    }
    list.clear();
  }
  return status_;
}

}  // namespace carillon::persistence
