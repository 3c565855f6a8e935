#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/inbox.hpp"
#include "carillon/engine/log.hpp"
#include "carillon/persistence/store.hpp"
#include "carillon/persistence/store_readers.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace carillon::persistence {

/// Every bound of the writer, with its unit, default and reason.
struct WriteBehindOptions {
  /// Shards that will append: Broadcaster::shards() of the one above it.
  engine::ShardIndex shards = 1;

  /// What one commit takes at most. Beyond some thousands of entries a larger
  /// commit is not cheaper per entry, only later for those who wait for it.
  std::size_t batch_entries_max = 4096;
  std::size_t batch_bytes_max = std::size_t{8} << 20U;

  /// Waits between attempts after a failed commit: doubling, from and up to.
  std::chrono::milliseconds retry_wait_min{50};
  std::chrono::milliseconds retry_wait_max{2000};

  /// A commit that takes longer makes the store unwell until it is over: the disk or the
  /// database neither takes it nor says why. Well above what a busy disk needs.
  std::chrono::milliseconds hang_after{5000};
};

/// Counters and gauges of a WriteBehind. Each is exact on its own; together
/// they are not one instant.
struct WriteBehindMetrics {
  /// Upper bounds of `commit_latency`, in microseconds; the last bucket is open.
  static constexpr std::array<std::uint64_t, 12> latency_bounds_us{
      128, 256, 512, 1'024, 2'048, 4'096, 8'192, 16'384, 65'536, 262'144, 1'048'576, 4'194'304};

  /// Upper bounds of `batch_entries`; the last bucket is open.
  static constexpr std::array<std::uint64_t, 8> batch_bounds{1,   4,     16,    64,
                                                             256, 1'024, 4'096, 16'384};

  std::uint64_t queued_entries = 0;  ///< appended, not yet committed or abandoned
  std::uint64_t queued_bytes = 0;
  std::uint64_t committed_total = 0;  ///< entries
  std::uint64_t abandoned_total = 0;  ///< entries
  std::uint64_t commits_total = 0;
  std::uint64_t commit_failures_total = 0;  ///< attempts
  std::uint64_t batch_entries_last = 0;
  std::uint64_t commit_latency_us_total = 0;  ///< of successful attempts
  std::array<std::uint64_t, latency_bounds_us.size() + 1> commit_latency{};
  std::array<std::uint64_t, batch_bounds.size() + 1> batch_entries{};  ///< commits by their size
};

/// Makes sequenced batches durable behind the fan-out, by group commit.
///
/// Role      The EventLog of a Broadcaster; one per store. One writer thread
///           takes whatever was appended while its last commit ran, commits it
///           with one sync, and reports it to the LogObserver.
/// Threads   attach(): once, before any append; starts the writer. append(): any
///           shard's thread, one at a time for each shard. find, watermark,
///           health, metrics: any thread. stop, destruction: one thread, with no
///           append in flight or to come. The observer is called on the writer's.
/// Order     Entries are committed in the order of append: within a shard, and
///           between two shards if one append returned before the other began
///           (so a mark never overtakes the broadcast that it marks).
/// Bound     Queue: the engine's credit (Options::queued_bytes_max of each shard);
///           an entry's bytes are given back when the observer hears of it, so
///           append never refuses. Batch: batch_entries_max and batch_bytes_max,
///           the latter exceeded by one entry at most.
/// Progress  append never blocks; it makes a system call only if the writer
///           sleeps. The writer sleeps without CPU when nothing is queued and nothing
///           is to be removed. Between two commits it removes old events (Store::retain)
///           for about as long as the commit before took, from 0.5 to 2 ms, or up to
///           50 ms while the store is far beyond its bounds.
/// Lifetime  Store and readers outlive it; the observer until stop() returned.
///
/// Invariant: what was appended is committed or, by stop() alone, abandoned;
///   nothing is dropped. A failed commit is tried again, with the same entries,
///   until it succeeds. While something is queued, the writer is awake: see
///   write_behind.cpp for the argument.
class WriteBehind final : public engine::EventLog {
 public:
  WriteBehind(Store& store,
              StoreReaders& readers,
              const WriteBehindOptions& options = {},
              engine::LogSink log = {});
  ~WriteBehind() override;  ///< stop() without patience; waits also for a commit that hangs
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  [[nodiscard]] engine::LogOrigin origin() const noexcept override;
  void attach(engine::LogObserver& observer) noexcept override;
  void append(engine::ShardIndex shard, std::span<engine::LogEntry> batch) noexcept override;
  void find(const engine::UserId& owner, const engine::EventId& id, FindDone done) override;

  /// Store::set_retention, in force at once also while nothing is appended. Any thread.
  void set_retention(const RetentionOptions& options);

  /// Commits what was appended, however long that takes, then ends the writer. While
  /// commits fail it tries for `patience` from now, at least once more; then what is left
  /// is reported as abandoned. False: with `patience` over, a commit has been running for
  /// `hang_after`, and nothing can end it from here; the writer is still in it. It may be
  /// called again.
  bool stop(std::chrono::milliseconds patience);

  /// Everything of this shard up to this sequence is durable. 0: nothing yet.
  [[nodiscard]] engine::Sequence watermark(engine::ShardIndex shard) const noexcept;
  /// Not writable from the first failed attempt of a commit to its success, and while a
  /// commit runs for longer than `hang_after`.
  [[nodiscard]] engine::InboxHealth health() const;
  [[nodiscard]] WriteBehindMetrics metrics() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::persistence
