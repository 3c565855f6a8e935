#include "carillon/engine/broadcaster.hpp"
#include "tests/support/events.hpp"
#include "tests/support/recording_sink.hpp"

#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace carillon::engine {
namespace {

constexpr int producers = 4;
constexpr int rounds = 60;
constexpr int burst = 60;    // in one turn or a few: the user becomes busy
constexpr int singles = 20;  // one a turn: the user becomes quiet
constexpr int each = rounds * (burst + singles);

void publish(Broadcaster& broadcaster, const UserId& user, int producer, int index) {
  const auto text = std::to_string(producer * each + index);
  auto event = testing::make_event(broadcaster, user, text);
  while (broadcaster.publish(event) != PublishStatus::accepted)
    std::this_thread::yield();
}

// Goal: nothing lost and each producer's order kept while users become busy and quiet
// again under their publishers. Method: two producers a user take turns in bursts and in
// single events, each of which waits until it was delivered.
TEST(BusyUsersConcurrencyTest, KeepsEachProducersOrderWhileUsersBecomeBusyAndQuiet) {
  auto made = Broadcaster::create({.shards = 1});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  const std::array users{testing::user(1), testing::user(2)};
  std::array<std::shared_ptr<testing::RecordingSink>, 2> sinks;
  std::vector<Subscription> handles;
  for (std::size_t i = 0; i < users.size(); ++i) {
    sinks[i] = std::make_shared<testing::RecordingSink>();
    handles.push_back(broadcaster.subscribe(users[i], sinks[i]));
  }
  std::latch start{producers};

  std::vector<std::jthread> threads;
  for (int producer = 0; producer < producers; ++producer)
    threads.emplace_back([&, producer] {
      const auto at = static_cast<std::size_t>(producer % 2);
      start.arrive_and_wait();
      for (int index = 0; index < each;) {
        for (int i = 0; i < burst; ++i)
          publish(broadcaster, users[at], producer, index++);
        for (int i = 0; i < singles; ++i) {
          publish(broadcaster, users[at], producer, index++);
          EXPECT_TRUE(sinks[at]->wait_seen(static_cast<std::size_t>(index)));
        }
      }
    });
  threads.clear();

  for (auto& sink : sinks) {
    ASSERT_TRUE(sink->wait_seen(std::size_t{2} * each));
    std::array<int, producers> next{};
    for (const auto& one : sink->seen()) {
      const auto number = std::stoi(one.event->description());
      ASSERT_EQ(number % each, next.at(static_cast<std::size_t>(number / each))++);
    }
  }
}

}  // namespace
}  // namespace carillon::engine
