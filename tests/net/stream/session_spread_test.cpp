#include "net/src/session_spread.hpp"

#include "tests/support/events.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <thread>
#include <vector>

namespace carillon::net {
namespace {

TEST(SessionSpreadTest, FillsTheUsersShardFirstThenDealsOutToAll) {
  SessionSpread spread{4, 3};
  std::vector<SessionShare> shares;
  std::vector<engine::ShardIndex> shards;

  for (int i = 0; i < 11; ++i) {
    auto place = spread.place(testing::user(1), 2);
    shards.push_back(place.shard);
    shares.push_back(std::move(place.share));
  }

  EXPECT_EQ(shards, (std::vector<engine::ShardIndex>{2, 2, 2, 1, 2, 3, 0, 1, 2, 3, 0}));
}

TEST(SessionSpreadTest, CountsWhoLeft) {
  SessionSpread spread{2, 1};
  auto first = spread.place(testing::user(1), 0);
  EXPECT_EQ(spread.place(testing::user(1), 0).shard, 1U);

  first.share = {};

  EXPECT_EQ(spread.place(testing::user(1), 0).shard, 0U);
}

TEST(SessionSpreadTest, CountsAUserForItself) {
  SessionSpread spread{2, 1};
  const auto first = spread.place(testing::user(1), 0);

  EXPECT_EQ(spread.place(testing::user(2), 0).shard, 0U);
}

TEST(SessionSpreadTest, LeavesEverybodyAtHomeIfAskedTo) {
  SessionSpread never{2, 0};
  SessionSpread alone{1, 1};
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(never.place(testing::user(1), 1).shard, 1U);
    EXPECT_EQ(alone.place(testing::user(1), 0).shard, 0U);
  }
}

// Goal: no share is lost or counted twice between threads. Method: four threads take and
// give back shares of one user; at the end the next session is the first again.
TEST(SessionSpreadConcurrencyTest, CountsExactlyAcrossThreads) {
  constexpr int threads = 4;
  SessionSpread spread{2, 1};
  std::latch start{threads};
  std::vector<std::thread> running;
  for (int thread = 0; thread < threads; ++thread) {
    running.emplace_back([&] {
      start.arrive_and_wait();
      for (int i = 0; i < 10'000; ++i) {
        auto one = spread.place(testing::user(1), 0);
        const auto two = spread.place(testing::user(1), 0);
        one.share = {};
      }
    });
  }
  for (auto& thread : running)
    thread.join();

  const auto first = spread.place(testing::user(1), 0);
  EXPECT_EQ(first.shard, 0U);
  EXPECT_EQ(spread.place(testing::user(1), 0).shard, 1U);
}

}  // namespace
}  // namespace carillon::net
