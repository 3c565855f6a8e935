#pragma once

// What the store's benchmarks share: realistic events, and stores to fill.
//
// CARILLON_BENCH_STORE       URL of the store to measure instead of RocksDB. It is
//                            used as it is: give it a place of its own, empty.
// CARILLON_BENCH_STORE_DIR   where the RocksDB stores lie; those that were filled
//                            beforehand stay there for the next process. Without
//                            it: a temporary directory, removed at the end.
// CARILLON_BENCH_STORE_ROWS  events in the store of the read benchmarks.

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/event_pool.hpp"
#include "carillon/persistence/store.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace bench {

/// Users that random events belong to.
inline constexpr std::uint64_t random_users = 100'000;
/// This one owns a hundredth of the events of a filled store besides.
inline constexpr std::uint64_t busy_user = random_users;
/// In a store with large inboxes, this one owns half of the events.
inline constexpr std::uint64_t large_user = random_users + 2'000;
inline constexpr std::size_t fill_batch = 10'000;

[[nodiscard]] std::uint64_t rows_for_reads();

/// Makes events as a shard would have sequenced them: random users, a dozen kinds,
/// descriptions and metadata that differ; 240 bytes a row in their own fields, about
/// 600 as JSON. One thread; its events must be gone before it is.
class EventSource {
 public:
  explicit EventSource(carillon::engine::Sequence first) noexcept : next_{first} {}

  [[nodiscard]] carillon::engine::LogEntry of(std::uint64_t user);
  [[nodiscard]] carillon::engine::LogEntry of_random_user() { return of(random() % random_users); }
  /// Replaces what `batch` holds.
  void fill(std::vector<carillon::engine::LogEntry>& batch, std::size_t count);

  [[nodiscard]] carillon::engine::Sequence next_sequence() noexcept { return next_++; }
  [[nodiscard]] std::uint64_t random() { return random_(); }

 private:
  carillon::engine::EventPool pool_;
  carillon::engine::Sequence next_;
  std::mt19937_64 random_{1};
  std::string description_;
  std::string metadata_;
};

/// A store in use, and its directory, which goes with it.
class StoreInUse {
 public:
  StoreInUse(std::unique_ptr<carillon::persistence::Store> store, std::filesystem::path directory)
      : store_{std::move(store)}, directory_{std::move(directory)} {}
  StoreInUse(StoreInUse&&) noexcept = default;
  StoreInUse& operator=(StoreInUse&&) = delete;
  ~StoreInUse();

  carillon::persistence::Store& operator*() const noexcept { return *store_; }
  carillon::persistence::Store* operator->() const noexcept { return store_.get(); }
  /// Empty for another store than RocksDB.
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }

 private:
  std::unique_ptr<carillon::persistence::Store> store_;
  std::filesystem::path directory_;
};

/// A store that holds this many events, and nobody else's directory: of a store that
/// was filled before, it shares the files that never change. Aborts with a message if
/// it can't be had.
[[nodiscard]] StoreInUse store_with(std::uint64_t rows);

/// The same with as many events as `rows_for_reads()`, half of them of one user.
[[nodiscard]] StoreInUse store_with_large_inboxes();

/// A directory of its own beside the stores, for floors.
[[nodiscard]] std::filesystem::path new_directory();
/// The directory of a closed copy of the store that holds this many events, to be opened.
[[nodiscard]] std::filesystem::path closed_store_with(std::uint64_t rows);
/// What a crash would leave of a store in use while nobody commits: a copy.
[[nodiscard]] std::filesystem::path copy_of(const std::filesystem::path& store);
/// Whether the URL of another store was given.
[[nodiscard]] bool other_store();

/// While it lives, nothing counts as the benchmark's time. (A time of its own, by
/// SetIterationTime, would change the benchmark's name.)
class Untimed {
 public:
  explicit Untimed(benchmark::State& state) : state_{state} { state_.PauseTiming(); }
  ~Untimed() {
    if (!state_.error_occurred()) state_.ResumeTiming();
  }
  Untimed(const Untimed&) = delete;
  Untimed& operator=(const Untimed&) = delete;

 private:
  benchmark::State& state_;
};

/// Ends the process with a message: a benchmark can't go on.
[[noreturn]] void give_up(const std::string& reason);

}  // namespace bench
