#include "carillon/engine/broadcaster.hpp"
#include "tests/support/events.hpp"
#include "tests/support/recording_sink.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace carillon::engine {
namespace {

constexpr int producers = 2;
const UserId user = testing::user(1);

void publish(Broadcaster& broadcaster, std::string_view text) {
  auto event = testing::make_event(broadcaster, user, text);
  while (broadcaster.publish(event) != PublishStatus::accepted)
    std::this_thread::yield();
}

/// "producer:index": each producer's indices ascend by one, sequences ascend.
void expect_no_hole(const testing::RecordingSink& sink) {
  std::array<int, producers> next{-1, -1};
  Sequence last = 0;
  for (const auto& one : sink.seen()) {
    ASSERT_GT(one.event->sequence(), last);
    last = one.event->sequence();
    const auto text = one.event->description();
    const auto producer = static_cast<std::size_t>(text[0] - '0');
    const int index = std::stoi(text.substr(2));
    ASSERT_TRUE(next[producer] < 0 || index == next[producer]) << text;
    next[producer] = index + 1;
  }
}

// Goal: all subscriptions of a user, wherever they live, see one order without a
// hole, while the shards' queues for each other are full now and then.
TEST(GuestConcurrencyTest, DeliversOneOrderOnEveryShard) {
  constexpr int each = 5'000;
  auto made = Broadcaster::create({.shards = 3, .queued_bytes_max = 64'000});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  std::vector<std::shared_ptr<testing::RecordingSink>> sinks;
  std::vector<Subscription> handles;
  for (ShardIndex shard = 0; shard < 6; ++shard) {
    sinks.push_back(std::make_shared<testing::RecordingSink>());
    handles.push_back(
        broadcaster.subscribe(user, sinks.back(), {.shard = static_cast<ShardIndex>(shard % 3)}));
  }
  std::latch start{producers};
  std::vector<std::jthread> threads;
  for (int producer = 0; producer < producers; ++producer)
    threads.emplace_back([&, producer] {
      start.arrive_and_wait();
      for (int index = 0; index < each; ++index)
        publish(broadcaster, std::to_string(producer) + ":" + std::to_string(index));
    });
  threads.clear();

  for (const auto& sink : sinks) {
    ASSERT_TRUE(sink->wait_seen(producers * each));
    EXPECT_EQ(sink->seen().size(), static_cast<std::size_t>(producers * each));
    expect_no_hole(*sink);
  }
}

// Goal: nothing is missing between a guest's start and its end, while guests come
// and go, their groups with them, and the mailbox opens and closes.
TEST(GuestConcurrencyTest, LosesNothingWhileGuestsComeAndGo) {
  constexpr int rounds = 200;
  auto made = Broadcaster::create({.shards = 2});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  std::latch start{producers};
  // Each publishes to itself: what it publishes while it is subscribed must arrive.
  std::vector<std::jthread> threads;
  for (int producer = 0; producer < producers; ++producer)
    threads.emplace_back([&, producer] {
      start.arrive_and_wait();
      int index = 0;
      for (int round = 0; round < rounds; ++round) {
        const auto sink = std::make_shared<testing::RecordingSink>();
        auto handle = broadcaster.subscribe(
            user, sink, {.shard = static_cast<ShardIndex>((round + producer) % 2)});
        for (int i = 0; i < 10; ++i)
          publish(broadcaster, std::to_string(producer) + ":" + std::to_string(index++));
        handle.cancel();
        ASSERT_TRUE(sink->wait_ended());
        expect_no_hole(*sink);
        int mine = 0;
        for (const auto& one : sink->seen())
          mine += one.event->description()[0] == '0' + producer ? 1 : 0;
        ASSERT_EQ(mine, 10);
        ASSERT_EQ(sink->ends(), 1);
      }
    });
  threads.clear();
  broadcaster.stop();

  EXPECT_EQ(broadcaster.metrics().subscriptions, 0U);
}

// stop() takes what one shard's thread handed to another before it hands over
// more on its own: whatever the shards are about.
TEST(GuestConcurrencyTest, EndsEveryGuestOnceWhenItStops) {
  for (int round = 0; round < 200; ++round) {
    auto made = Broadcaster::create({.shards = 2});
    ASSERT_TRUE(made);
    auto& broadcaster = **made;
    std::vector<std::shared_ptr<testing::RecordingSink>> sinks;
    std::vector<Subscription> handles;
    for (int i = 0; i < 8; ++i) {
      sinks.push_back(std::make_shared<testing::RecordingSink>());
      handles.push_back(
          broadcaster.subscribe(user, sinks.back(), {.shard = static_cast<ShardIndex>(i % 2)}));
      publish(broadcaster, "0:" + std::to_string(i));
    }
    handles[0].cancel();
    handles[1].cancel();
    broadcaster.stop();
    for (const auto& sink : sinks) {
      ASSERT_EQ(sink->ends(), 1);
      expect_no_hole(*sink);
    }
    for (std::size_t i = 2; i < sinks.size(); ++i)
      ASSERT_EQ(sinks[i]->seen().size(), sinks.size() - i);
  }
}

}  // namespace
}  // namespace carillon::engine
