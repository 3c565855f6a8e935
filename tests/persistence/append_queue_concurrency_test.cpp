#include "persistence/src/append_queue.hpp"
#include "tests/support/rounds.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace carillon::testing {
namespace {

using engine::LogEntry;

// Goal: the writer never sleeps over an entry that comes as it falls asleep.
// Method: one appender, which nobody's later append can rescue, adds an entry as
// soon as the last one was taken, after a pause that sweeps over the moment at
// which the writer finds nothing more and goes to sleep. A lost wake-up hangs.
TEST(AppendQueueConcurrencyTest, NeverSleepsOverAnEntryThatComesAsItFallsAsleep) {
  constexpr engine::Sequence end_mark = 0;
  persistence::AppendQueue queue{1};
  std::atomic<std::uint32_t> taken{0};
  std::jthread writer{[&] {
    std::vector<LogEntry> batch;
    while (batch.empty() || batch.back().sequence != end_mark) {
      batch.clear();
      queue.take(batch, 64, 64);
      if (batch.empty()) {
        queue.wait_for_work();
        continue;
      }
      taken.fetch_add(static_cast<std::uint32_t>(batch.size()), std::memory_order_release);
    }
  }};

  std::uint32_t round = 0;
  for (Rounds rounds{200'000}; rounds.next();) {
    ++round;
    LogEntry entry;
    entry.sequence = round;
    queue.append(0, {&entry, 1});
    for (std::uint32_t spins = 1; taken.load(std::memory_order_acquire) < round; ++spins)
      if (spins % 1'024 == 0) std::this_thread::yield();
    for (std::uint32_t pause = round * 7 % 512; pause > 0; --pause)
      std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  LogEntry last;
  last.sequence = end_mark;
  queue.append(0, {&last, 1});
  writer.join();

  EXPECT_EQ(taken.load(), round + 1);
}

}  // namespace
}  // namespace carillon::testing
