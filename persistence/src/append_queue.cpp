#include "persistence/src/append_queue.hpp"

#include "persistence/src/assert.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <iterator>
#include <utility>

namespace carillon::persistence {
namespace {

/// The kernel's view of the word.
std::uint32_t* futex_of(std::atomic<std::uint32_t>& word) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t));
  return reinterpret_cast<std::uint32_t*>(&word);
}

}  // namespace

using engine::LogEntry;
using engine::ShardIndex;

AppendQueue::AppendQueue(ShardIndex shards) {
  for (ShardIndex i = 0; i < shards; ++i)
    lanes_.emplace_back(queue_);
}

void AppendQueue::append(ShardIndex shard, std::span<LogEntry> batch) noexcept {
  if (batch.empty()) return;
  CARILLON_STORE_ASSERT(shard < lanes_.size(), "WriteBehindOptions::shards is too small");
  // A1 acq_rel: release for the writer's acquire (A5), which then sees all that
  // happened before; acquire so that tickets continue that chain. That is: an
  // append of another shard that returned before this one began is visible to a
  // writer that sees this ticket.
  const auto ticket = next_ticket_.fetch_add(1, std::memory_order_acq_rel);
  // One by one: moodycamel keeps enqueue_bulk out of the thread sanitizer's sight,
  // and a commit costs a hundred times what the bulk would save.
  for (auto& entry : batch) {
    const bool queued =
        queue_.enqueue(lanes_[shard].token, {.entry = std::move(entry), .ticket = ticket});
    CARILLON_STORE_ASSERT(queued, "out of memory for the write-behind queue");
  }
  wake();
}

void AppendQueue::wake() noexcept {
  // A2 release: publishes what was queued to the clear (A3) that comes after it.
  if (work_.exchange(work, std::memory_order_release) == asleep)
    ::syscall(SYS_futex, futex_of(work_), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void AppendQueue::wait_for_work(std::optional<std::chrono::milliseconds> time_max) noexcept {
  // A4 relaxed: only waits; the clear below orders.
  std::uint32_t expected = idle;
  if (work_.compare_exchange_strong(expected, asleep, std::memory_order_relaxed)) {
    timespec time{};
    if (time_max) {
      time.tv_sec = static_cast<time_t>(time_max->count() / 1'000);
      time.tv_nsec = static_cast<long>(time_max->count() % 1'000 * 1'000'000);
    }
    // A return for no reason costs a look at the queue.
    ::syscall(SYS_futex, futex_of(work_), FUTEX_WAIT_PRIVATE, std::uint32_t{asleep},
              time_max ? &time : nullptr, nullptr, 0);
  }
  // A3 acquire: pairs with A2, and keeps the takes that follow from moving up.
  work_.exchange(idle, std::memory_order_acquire);
}

void AppendQueue::refill(Lane& lane) {
  std::array<Ticketed, 64> items;
  while (lane.taken.size() < refill_entries_max) {
    const auto count =
        queue_.try_dequeue_bulk_from_producer(lane.token, items.begin(), items.size());
    if (count == 0) return;
    std::move(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(count),
              std::back_inserter(lane.taken));
  }
}

AppendQueue::Lane* AppendQueue::first_lane(std::uint64_t end) {
  Lane* first = nullptr;
  for (auto& lane : lanes_) {
    if (lane.taken.empty()) refill(lane);
    if (lane.taken.empty() || lane.taken.front().ticket >= end) continue;
    if (first == nullptr || lane.taken.front().ticket < first->taken.front().ticket) first = &lane;
  }
  return first;
}

void AppendQueue::take(std::vector<LogEntry>& out, std::size_t entries_max, std::size_t bytes_max) {
  // A5 acquire: pairs with A1.
  const auto end = next_ticket_.load(std::memory_order_acquire);
  std::size_t bytes = 0;
  while (out.size() < entries_max && bytes < bytes_max) {
    auto* lane = first_lane(end);
    if (lane == nullptr) return;
    // What is there of this append. If some of it is still to come, the append has
    // not returned, and others may be taken before the rest.
    const auto ticket = lane->taken.front().ticket;
    while (out.size() < entries_max && bytes < bytes_max && !lane->taken.empty() &&
           lane->taken.front().ticket == ticket) {
      bytes += lane->taken.front().entry.bytes;
      out.push_back(std::move(lane->taken.front().entry));
      lane->taken.pop_front();
    }
  }
}

}  // namespace carillon::persistence
