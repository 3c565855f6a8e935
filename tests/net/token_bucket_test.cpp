#include "net/src/token_bucket.hpp"

#include "net/src/rate_table.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace carillon::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr BucketRate ten_a_second{.per_second = 10, .burst = 3};

BucketTicks at(milliseconds time) {
  return std::chrono::duration_cast<BucketTicks>(time);
}

TEST(TokenBucketTest, GivesABurstThenOneTokenPerInterval) {
  TokenBucket bucket;
  const auto now = at(seconds{5});

  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(bucket.take(now, 1, ten_a_second), BucketTicks{0});
  EXPECT_EQ(bucket.take(now, 1, ten_a_second), at(milliseconds{100}));
  EXPECT_EQ(bucket.take(now + at(milliseconds{100}), 1, ten_a_second), BucketTicks{0});
  EXPECT_NE(bucket.take(now + at(milliseconds{100}), 1, ten_a_second), BucketTicks{0});
}

TEST(TokenBucketTest, TheWaitThatItNamesIsTrueAndNoLongerThanNeeded) {
  TokenBucket bucket;
  ASSERT_EQ(bucket.take(at(seconds{1}), 3, ten_a_second), BucketTicks{0});

  const auto wait = bucket.take(at(seconds{1}), 2, ten_a_second);

  ASSERT_EQ(wait, at(milliseconds{200}));
  EXPECT_NE(bucket.take(at(seconds{1}) + wait - BucketTicks{1}, 2, ten_a_second), BucketTicks{0});
  EXPECT_EQ(bucket.take(at(seconds{1}) + wait, 2, ten_a_second), BucketTicks{0});
}

TEST(TokenBucketTest, ARefusalCostsNothing) {
  TokenBucket bucket;
  ASSERT_EQ(bucket.take(at(seconds{1}), 3, ten_a_second), BucketTicks{0});

  const auto first = bucket.take(at(seconds{1}), 1, ten_a_second);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(bucket.take(at(seconds{1}), 1, ten_a_second), first);
}

TEST(TokenBucketTest, AFullBucketGivesMoreThanItHoldsAndOwesTheRest) {
  TokenBucket bucket;

  EXPECT_EQ(bucket.take(at(seconds{1}), 30, ten_a_second), BucketTicks{0});
  // 30 tokens are 3 s; the bucket gives one again when it holds one: 3 - 0.3 + 0.1 s.
  EXPECT_EQ(bucket.take(at(seconds{1}), 1, ten_a_second), at(milliseconds{2'800}));
  // As many again need a full bucket.
  EXPECT_EQ(bucket.take(at(seconds{1}), 30, ten_a_second), at(milliseconds{3'000}));
}

TEST(TokenBucketTest, NoTokensAreGivenToWhomeverOwesNone) {
  TokenBucket bucket;

  EXPECT_EQ(bucket.take(at(seconds{1}), 3, ten_a_second), BucketTicks{0});
  EXPECT_EQ(bucket.take(at(seconds{1}), 0, ten_a_second), BucketTicks{0});
  ASSERT_EQ(bucket.take(at(seconds{2}), 4, ten_a_second), BucketTicks{0});
  EXPECT_NE(bucket.take(at(seconds{2}), 0, ten_a_second), BucketTicks{0});
}

TEST(TokenBucketTest, WithoutARateNothingIsLimitedNorRemembered) {
  TokenBucket bucket;

  for (int i = 0; i < 1'000; ++i)
    ASSERT_EQ(bucket.take(at(seconds{1}), 1'000, {}), BucketTicks{0});
  EXPECT_EQ(bucket.take(at(seconds{1}), 1, ten_a_second), BucketTicks{0});
}

TEST(TokenBucketTest, HugeNumbersDoNotOverflow) {
  constexpr BucketRate slow{.per_second = 1, .burst = UINT64_MAX};
  TokenBucket bucket;

  EXPECT_EQ(bucket.take(at(seconds{1}), UINT64_MAX, slow), BucketTicks{0});
  EXPECT_GE(bucket.take(at(seconds{1}), UINT64_MAX, {.per_second = 1, .burst = 1}).count(), 1);
}

TEST(RateTableTest, KeysDoNotShareTheirBuckets) {
  RateTable table;
  const auto now = at(seconds{1});
  constexpr std::uint64_t tag = std::uint64_t{1} << 46U;

  // The same line of the table, other tags.
  for (std::uint64_t key = 1; key <= RateTable::set_ways; ++key) {
    EXPECT_EQ(table.take(key * tag, now, 3, ten_a_second).wait, BucketTicks{0});
    EXPECT_EQ(table.take(key * tag, now, 1, ten_a_second).wait, at(milliseconds{100}));
  }
}

TEST(RateTableTest, ALineInUseLeavesAFurtherKeyUnlimitedAndSaysSo) {
  RateTable table;
  constexpr std::uint64_t tag = std::uint64_t{1} << 46U;
  for (std::uint64_t key = 1; key <= RateTable::set_ways; ++key)
    ASSERT_FALSE(table.take(key * tag, at(seconds{1}), 3, ten_a_second).untracked);

  const auto further = table.take(99 * tag, at(seconds{1}), 1'000, ten_a_second);
  EXPECT_TRUE(further.untracked);
  EXPECT_EQ(further.wait, BucketTicks{0});

  // Full again, the buckets are free for others; memory does not grow with keys.
  for (std::uint64_t key = 100; key < 100 + RateTable::set_ways; ++key)
    EXPECT_FALSE(table.take(key * tag, at(seconds{2}), 3, ten_a_second).untracked);
}

TEST(RateTableConcurrencyTest, ThreadsTogetherGetNoMoreThanTheRate) {
  constexpr BucketRate rate{.per_second = 1'000, .burst = 2'000'000};
  RateTable table;
  ASSERT_EQ(table.take(7, at(seconds{1}), 1, rate).wait, BucketTicks{0});
  std::atomic<int> admitted{1};
  std::latch start{4};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&] {
        start.arrive_and_wait();
        for (int i = 0; i < 1'000'000; ++i)
          if (table.take(7, at(seconds{1}), 1, rate).wait == BucketTicks{0}) ++admitted;
      });
  }

  EXPECT_EQ(admitted, 2'000'000);
}

}  // namespace
}  // namespace carillon::net
