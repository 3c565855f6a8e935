// Goal: no entry is lost or reordered within its shard, and none is left behind
// without a wake-up.
// Method: four shards append; each waits, now and then, until all that it appended
// was reported, so that the writer falls asleep thousands of times and a lost
// wake-up hangs the test (ctest's TIMEOUT). Each entry carries (shard, index).
#include "carillon/persistence/write_behind.hpp"
#include "tests/persistence/fake_store.hpp"
#include "tests/support/log_entries.hpp"
#include "tests/support/rounds.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>
#include <limits>
#include <thread>

namespace carillon::testing {
namespace {

using engine::LogEntry;
using engine::Sequence;
using engine::ShardIndex;

constexpr ShardIndex shards = 4;

/// Checks the order of each shard; the count of each can be waited for.
class CountingObserver final : public engine::LogObserver {
 public:
  void on_committed(std::span<LogEntry> entries) noexcept override {
    for (const auto& entry : entries) {
      auto& count = counts_[entry.shard];
      in_order_ = in_order_ && entry.sequence == count.load(std::memory_order_relaxed) + 1;
      count.fetch_add(1, std::memory_order_release);
      count.notify_all();
    }
  }
  void on_abandoned(std::span<LogEntry> /*entries*/) noexcept override { in_order_ = false; }

  void wait_for(ShardIndex shard, std::uint32_t entries) {
    for (;;) {
      const auto seen = counts_[shard].load(std::memory_order_acquire);
      if (seen >= entries) return;
      counts_[shard].wait(seen, std::memory_order_acquire);
    }
  }
  /// After the writer has ended.
  [[nodiscard]] bool in_order() const { return in_order_; }

 private:
  std::array<std::atomic<std::uint32_t>, shards> counts_{};
  bool in_order_ = true;  // the writer's
};

class WriteBehindConcurrencyTest : public ::testing::Test {
 protected:
  /// At most so many entries. `burst`: those appended, in uneven batches, before the shard waits.
  void run(std::uint32_t entries_each, std::uint32_t burst) {
    std::latch start{shards};
    std::vector<std::jthread> threads;
    for (ShardIndex shard = 0; shard < shards; ++shard)
      threads.emplace_back([&, shard] {
        start.arrive_and_wait();
        std::uint32_t appended = 0;
        Rounds rounds{static_cast<int>(entries_each)};
        while (appended < entries_each && rounds.next()) {
          std::vector<LogEntry> batch(1 + (appended + shard) % 3);
          for (auto& entry : batch) {
            entry.sequence = ++appended;
            entry.shard = shard;
            entry.bytes = 1;
          }
          log_.append(shard, batch);
          if (appended % burst < 3) observer_.wait_for(shard, appended);
        }
        observer_.wait_for(shard, appended);
      });
    threads.clear();
    log_.stop(std::chrono::milliseconds{0});
  }

  FakeStore store_;
  persistence::StoreReaders readers_;
  CountingObserver observer_;
  persistence::WriteBehind log_{store_, readers_, {.shards = shards, .batch_entries_max = 64}};
};

TEST_F(WriteBehindConcurrencyTest, LosesNothingAndKeepsEachShardsOrder) {
  log_.attach(observer_);
  run(/*entries_each=*/20'000, /*burst=*/1'000);

  EXPECT_TRUE(observer_.in_order());
  EXPECT_EQ(log_.metrics().queued_entries, 0U);
}

TEST_F(WriteBehindConcurrencyTest, WakesTheWriterForEachEntryThatFindsItAsleep) {
  log_.attach(observer_);
  run(/*entries_each=*/2'000, /*burst=*/1);

  EXPECT_TRUE(observer_.in_order());
}

// One appender hands a baton to the next after each append, so every append
// returned before the following one began: one total order, whatever the shards.
TEST_F(WriteBehindConcurrencyTest, CommitsAppendsThatFollowOneAnotherInTheirOrder) {
  constexpr int appends_max = 10'000;
  constexpr auto over = std::numeric_limits<Sequence>::max();
  log_.attach(observer_);
  std::atomic<Sequence> turn{0};
  std::atomic<Sequence> appends{0};
  std::vector<std::jthread> threads;
  for (ShardIndex shard = 0; shard < shards; ++shard)
    threads.emplace_back([&, shard] {
      Rounds rounds{appends_max / static_cast<int>(shards)};
      for (Sequence mine = shard;; mine += shards) {
        for (auto now = turn.load(); now != mine; now = turn.load()) {
          if (now == over) return;
          turn.wait(now);
        }
        if (!rounds.next()) {
          turn.store(over);
          turn.notify_all();
          return;
        }
        appends.fetch_add(1);
        LogEntry entry;
        entry.sequence = mine + 1;
        entry.shard = shard;
        log_.append(shard, {&entry, 1});
        turn.store(mine + 1);
        turn.notify_all();
      }
    });
  threads.clear();
  log_.stop(std::chrono::milliseconds{0});

  Sequence expected = 0;
  for (const auto& commit : store_.commits())
    for (const auto sequence : commit)
      ASSERT_EQ(sequence, ++expected);
  EXPECT_EQ(expected, appends.load());
}

}  // namespace
}  // namespace carillon::testing
