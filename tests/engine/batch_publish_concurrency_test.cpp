#include "carillon/engine/broadcaster.hpp"
#include "tests/support/events.hpp"
#include "tests/support/recording_sink.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace carillon::engine {
namespace {

constexpr int batch_size = 8;

/// "producer:batch:index" as a description.
std::string tag(int producer, int batch, int index) {
  return std::to_string(producer) + ":" + std::to_string(batch) + ":" + std::to_string(index);
}

struct Tag {
  int producer = 0;
  int batch = 0;
  int index = 0;
};
Tag read_tag(const std::string& text) {
  const auto second = text.find(':') + 1;
  const auto third = text.find(':', second) + 1;
  return {std::stoi(text), std::stoi(text.substr(second)), std::stoi(text.substr(third))};
}

/// Each producer's batches are there whole, in the order of their events.
void expect_whole_batches(const std::vector<testing::RecordingSink::Seen>& seen, int step) {
  std::map<int, Tag> last;
  Sequence sequence = 0;
  for (const auto& one : seen) {
    ASSERT_GT(one.event->sequence(), sequence);
    sequence = one.event->sequence();
    const auto now = read_tag(one.event->description());
    const auto known = last.find(now.producer);
    if (known != last.end()) {
      const auto& before = known->second;
      const bool same_batch = now.batch == before.batch && now.index == before.index + step;
      const bool next_batch =
          now.batch > before.batch && now.index < step && before.index >= batch_size - step;
      ASSERT_TRUE(same_batch || next_batch) << one.event->description();
    }
    last[now.producer] = now;
  }
  for (const auto& [producer, tag] : last)
    ASSERT_GE(tag.index, batch_size - step) << "producer " << producer;
}

// Goal: every batch arrives whole and in order or not at all, while the credit is short
// enough that many are refused and other producers publish single events, and users'
// mailboxes come and go. Method: batches over two users of different shards; a refused
// one is given up, not tried again. At the end the credit is all there again.
TEST(BatchPublishConcurrencyTest, DeliversBatchesWholeOrNotAtAll) {
  constexpr int producers = 3;
  constexpr int batches = 2'000;
  auto made = Broadcaster::create({.shards = 2, .queued_bytes_max = 24'576});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  const auto alice = testing::user(1);
  auto bob = testing::user(2);
  for (std::uint8_t number = 3; broadcaster.shard_of(bob) == broadcaster.shard_of(alice); ++number)
    bob = testing::user(number);
  const auto carol = testing::user(100);  // single events, and subscriptions that come and go
  auto sink_a = std::make_shared<testing::RecordingSink>();
  auto sink_b = std::make_shared<testing::RecordingSink>();
  auto handle_a = broadcaster.subscribe(alice, sink_a);
  auto handle_b = broadcaster.subscribe(bob, sink_b);
  std::atomic<int> accepted{0};
  std::atomic<bool> stop{false};
  std::latch start{producers + 1};

  std::jthread single{[&] {
    start.arrive_and_wait();
    while (!stop.load()) {
      auto handle = broadcaster.subscribe(carol, [](const Event&) {});
      for (int i = 0; i < 16; ++i)
        static_cast<void>(broadcaster.publish(testing::make_event(broadcaster, carol)));
    }
  }};
  std::vector<std::jthread> threads;
  for (int producer = 0; producer < producers; ++producer)
    threads.emplace_back([&, producer] {
      start.arrive_and_wait();
      for (int batch = 0; batch < batches; ++batch) {
        std::vector<NewEvent> events;
        for (int index = 0; index < batch_size; ++index)
          events.push_back(testing::make_event(broadcaster, index % 2 == 0 ? alice : bob,
                                               tag(producer, batch, index)));
        if (broadcaster.publish_all(events) == PublishStatus::accepted)
          accepted.fetch_add(1);
        else
          ASSERT_TRUE(events.front() && events.back());
      }
    });
  threads.clear();
  stop = true;
  single.join();

  const auto each = static_cast<std::size_t>(accepted.load() * batch_size / 2);
  EXPECT_GT(each, 0U);
  ASSERT_TRUE(sink_a->wait_seen(each));
  ASSERT_TRUE(sink_b->wait_seen(each));
  broadcaster.stop();
  EXPECT_EQ(sink_a->seen().size(), each);
  EXPECT_EQ(sink_b->seen().size(), each);
  expect_whole_batches(sink_a->seen(), 2);
  expect_whole_batches(sink_b->seen(), 2);
  EXPECT_EQ(broadcaster.metrics().queued_bytes, 0U);
  EXPECT_GT(broadcaster.metrics().refused_total, 0U) << "the credit was never short";
}

}  // namespace
}  // namespace carillon::engine
