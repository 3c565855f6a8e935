#pragma once

#include "carillon/engine/log.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/persistence/retention.hpp"
#include "carillon/persistence/store.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// What to open, and how much memory it may take.
struct StoreOptions {
  /// `rocksdb:PATH` (a directory, made if absent), `memory:`, or
  /// `postgresql://…` (all that libpq takes; an existing database, in which the
  /// schema `carillon` is made if absent).
  std::string url{};

  /// memory: bytes of events kept, each counted with what it costs to keep.
  /// Beyond it the oldest events of all users leave the history.
  std::size_t memory_bytes_max = std::size_t{256} << 20U;

  /// rocksdb: bytes of blocks, filters and indexes kept in memory for reads.
  std::size_t cache_bytes = std::size_t{64} << 20U;

  /// rocksdb: bytes of one table's newest rows in memory before they are
  /// written out sorted. All tables together take at most eight times as much.
  std::size_t write_buffer_bytes = std::size_t{8} << 20U;

  /// rocksdb: bytes of log replayed at most when the store is opened after a
  /// crash; bounds the time that a start takes.
  std::size_t wal_bytes_max = std::size_t{32} << 20U;

  /// rocksdb: bytes of additions to counts that are kept in memory before they begin to
  /// reach their rows; twice as many at most. A quarter as many bytes at most are read when
  /// the store is opened. Fewer make commits dearer.
  std::size_t pending_counts_bytes_max = std::size_t{64} << 20U;

  /// rocksdb, memory: bytes of inboxes kept in columns, for reads that look at all of
  /// one: filters, searches, deep pages. Those not read for longest leave. An event takes
  /// about 45 bytes and its description; an inbox that does not fit is read row by row,
  /// at about a microsecond an event. 0: none are kept.
  std::size_t columns_bytes_max = std::size_t{512} << 20U;

  /// rocksdb, memory: smaller inboxes are read row by row; columns gain little there.
  std::uint64_t columns_events_min = 2'000;

  /// rocksdb, memory: events whose state a change of one of them copies in memory, from 1
  /// to 65,535. Fewer make reads dearer.
  std::uint32_t columns_chunk_rows = 4'096;

  /// Which events leave, and when; see Store::retain.
  RetentionOptions retention{};

  /// Recovery after a failed write, damage, and RocksDB's own warnings and errors. These
  /// come while RocksDB holds its mutex: it must not call the store. May be empty.
  engine::LogSink log{};
};

/// Opens the store that the URL names, or makes it where nothing is yet.
///
/// Fails with invalid_argument (no such kind of store), locked (somebody has it
/// open), io (the directory can't be made, read or written), unavailable
/// (PostgreSQL can't be reached or refuses), corrupt, or unsupported_version. What exists is never
/// made anew or repaired silently.
[[nodiscard]] engine::Result<std::unique_ptr<Store>> open_store(const StoreOptions& options);

/// Whether open_store() takes such a URL: its kind and form. Opens and makes nothing.
/// Fails with invalid_argument; the text holds no password.
[[nodiscard]] engine::Result<void> check_store_url(const std::string& url);

/// The URL as it may be logged: `***` in place of passwords.
[[nodiscard]] std::string shown_store_url(std::string_view url);

}  // namespace carillon::persistence
