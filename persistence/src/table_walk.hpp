#pragma once

#include "persistence/src/keys.hpp"
#include "persistence/src/rocks_tables.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace carillon::persistence {

/// All rows of a table in the order of their keys, once, past the cache of blocks.
/// One thread; key and value are valid until the next call of next().
class TableWalk {
 public:
  TableWalk(const RocksTables& tables, Table table) {
    rocksdb::ReadOptions read;
    read.total_order_seek = true;
    read.fill_cache = false;
    read.readahead_size = readahead_bytes;
    rows_.reset(tables.db().NewIterator(read, tables.handle(table)));
    rows_->SeekToFirst();
  }

  [[nodiscard]] bool valid() const { return rows_->Valid(); }
  [[nodiscard]] std::string_view key() const { return {rows_->key().data(), rows_->key().size()}; }
  [[nodiscard]] std::string_view value() const {
    return {rows_->value().data(), rows_->value().size()};
  }
  void next() { rows_->Next(); }
  void seek(std::string_view key) { rows_->Seek({key.data(), key.size()}); }
  /// Of a walk that is not valid any more: why, if that is not the end.
  [[nodiscard]] rocksdb::Status status() const { return rows_->status(); }

  /// Whether the next row's key begins with this user.
  [[nodiscard]] bool is_of(std::string_view user) const {
    return valid() && key().starts_with(user);
  }

 private:
  static constexpr std::size_t readahead_bytes = std::size_t{1} << 20U;

  std::unique_ptr<rocksdb::Iterator> rows_;
};

}  // namespace carillon::persistence
