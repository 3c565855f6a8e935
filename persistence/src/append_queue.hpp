#pragma once

#include "carillon/engine/event_log.hpp"

#include <concurrentqueue.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

namespace carillon::persistence {

/// What the shards append and the writer takes: one FIFO of all shards.
///
/// Role      The queue inside WriteBehind; one per store.
/// Threads   append(): any shard's thread, one at a time for each shard. wake():
///           any thread. wait_for_work(), take(), empty_for_writer(): the writer's.
///           Construction, destruction: no other call in flight.
/// Order     FIFO per shard. Between two shards: the append that returned before
///           the other began is taken first. (Each append draws a ticket; the
///           writer takes the tickets below the one it read at the start of
///           take(), in their order, and leaves later ones for the next time.)
/// Bound     None here: the appenders hold credit, see EventLog.
/// Progress  append() does not block; it allocates when the queue needs a block.
///           A system call only if the writer sleeps or is about to.
/// Wake-up   The writer sleeps in wait_for_work() on one word: a futex, because
///           std::atomic::wait knows no deadline.
/// Lifetime  Nothing.
///
/// Invariant: while an entry is queued and unseen, the word is set or the writer
///   has yet to take(). append() enqueues, then sets the word (A2); the writer
///   clears it (A3) before it takes. Take any entry. Either its A2 came before an
///   A3 in the word's modification order: that A3 acquires it, directly or
///   through the release sequence that the other read-modify-writes continue, so
///   the take() behind A3 sees the entry. Or it came after the last A3: then the
///   word says *work*, so the writer does not go to sleep (A4 fails) or, if it sleeps
///   (the word said *asleep*), the change from there was this append's or another's
///   after A3, and that one woke it; the kernel does not put a thread to sleep on a word
///   that has changed. Tickets can hide no seen entry: whoever drew a ticket below
///   an unfinished one sets the word when it is done.
class AppendQueue {
 public:
  explicit AppendQueue(engine::ShardIndex shards);

  void append(engine::ShardIndex shard, std::span<engine::LogEntry> batch) noexcept;

  /// Makes wait_for_work() return: for stop().
  void wake() noexcept;

  /// The writer sleeps until something was appended, wake(), or `time_max` is over.
  void wait_for_work(std::optional<std::chrono::milliseconds> time_max = {}) noexcept;

  /// Moves what is queued behind `out`, until it holds `entries_max` entries or
  /// at least `bytes_max` bytes.
  void take(std::vector<engine::LogEntry>& out, std::size_t entries_max, std::size_t bytes_max);

  [[nodiscard]] engine::ShardIndex shards() const noexcept {
    return static_cast<engine::ShardIndex>(lanes_.size());
  }

 private:
  struct Ticketed {
    engine::LogEntry entry;
    std::uint64_t ticket = 0;
  };
  static_assert(std::is_nothrow_move_constructible_v<Ticketed> &&
                    std::is_nothrow_move_assignable_v<Ticketed>,
                "an entry is moved after its slot is reserved; a throw there would leak the slot");

  /// One shard's way through the queue.
  struct Lane {
    explicit Lane(moodycamel::ConcurrentQueue<Ticketed>& queue) : token{queue} {}
    moodycamel::ProducerToken token;
    std::deque<Ticketed> taken;  // the writer's: dequeued, not in a batch yet
  };

  void refill(Lane& lane);
  [[nodiscard]] Lane* first_lane(std::uint64_t end);

  static constexpr std::size_t cache_line_bytes = 64;
  static constexpr std::size_t refill_entries_max = 1024;

  moodycamel::ConcurrentQueue<Ticketed> queue_;
  std::deque<Lane> lanes_;
  // Every append writes these two; a line of their own, so that the fields
  // above, which appends only read, stay shared.
  alignas(cache_line_bytes) std::atomic<std::uint64_t> next_ticket_{0};
  enum Word : std::uint32_t { idle, work, asleep };
  std::atomic<std::uint32_t> work_{idle};
};

}  // namespace carillon::persistence
