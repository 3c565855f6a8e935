#pragma once

#include "carillon/engine/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// The tables of a store that keeps ordered rows of bytes. README has the layout.
enum class Table : std::uint8_t { meta, events, state, ids, counts, kinds };
inline constexpr std::size_t table_count = 6;

enum class Direction : std::uint8_t { ascending, descending };

/// Walks rows of one prefix in key order. One thread; key and value are valid
/// until the next call of next().
class RowIterator {
 public:
  RowIterator() = default;
  virtual ~RowIterator() = default;
  RowIterator(const RowIterator&) = delete;
  RowIterator& operator=(const RowIterator&) = delete;

  [[nodiscard]] virtual bool valid() const = 0;
  [[nodiscard]] virtual std::string_view key() const = 0;
  [[nodiscard]] virtual std::string_view value() const = 0;
  virtual void next() = 0;
  /// To the first row at `key` or behind it. Of an ascending walk.
  virtual void seek(std::string_view key) = 0;
  /// Why it is not valid any more, if that is not the end of the range.
  [[nodiscard]] virtual engine::Result<void> outcome() const = 0;
};

/// The rows of a store at one moment: what queries and changes are computed
/// from, so that they mean the same in every store of this kind.
class Rows {
 public:
  Rows() = default;
  virtual ~Rows() = default;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  /// True if the row is there, with its value in `value`.
  [[nodiscard]] virtual engine::Result<bool> get(Table table,
                                                 std::string_view key,
                                                 std::string& value) const = 0;
  /// The rows whose key begins with `prefix` (of prefix_bytes, or empty: all), from
  /// `start` (inclusive) on in this direction.
  [[nodiscard]] virtual std::unique_ptr<RowIterator> range(Table table,
                                                           std::string_view prefix,
                                                           std::string_view start,
                                                           Direction direction) const = 0;
};

/// Collects the writes of one commit.
class RowWriter {
 public:
  RowWriter() = default;
  virtual ~RowWriter() = default;
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  virtual void put(Table table, std::string_view key, std::string_view value) = 0;
  /// The row, which was written before this commit, or is not there.
  virtual void erase(Table table, std::string_view key) = 0;
  /// Adds encoded Counters to a row of `counts` or `kinds`, absent rows being zero.
  virtual void add(Table table, std::string_view key, std::string_view counters) = 0;
};

}  // namespace carillon::persistence
