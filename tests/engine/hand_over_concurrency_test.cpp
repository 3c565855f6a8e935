#include "carillon/engine/broadcaster.hpp"
#include "engine/src/async_queue.hpp"
#include "engine/src/hand_over.hpp"
#include "tests/support/coroutine.hpp"
#include "tests/support/events.hpp"
#include "tests/support/recording_sink.hpp"
#include "tests/support/rounds.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

namespace carillon::engine {
namespace {

using detail::AsyncQueue;
using detail::HandOver;

/// The least that a thread can wait without a system call, so that two threads
/// meet at ever other points of what they do.
void wait_for_turns(int turns) {
  std::atomic<int> turned{0};
  while (turned.load(std::memory_order_relaxed) < turns)
    turned.store(turned.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/// Until `state`, but not for ever. False at the deadline.
template <class State>
bool wait_until(const State& state) {
  const auto give_up = std::chrono::steady_clock::now() + testing::deadline;
  for (int looks = 1; !state(); ++looks) {
    // Another thread may need this processor.
    if (looks % 256 == 0) std::this_thread::yield();
    if (looks % 4096 == 0 && std::chrono::steady_clock::now() > give_up) return false;
  }
  return true;
}

class HandOverConcurrencyTest : public ::testing::Test {
 protected:
  HandOverConcurrencyTest()
      : broadcaster_{std::move(*Broadcaster::create({.shards = 1}))},
        event_{testing::make_event(*broadcaster_, testing::user(1))} {}

  const std::unique_ptr<Broadcaster> broadcaster_;
  NewEvent event_;
};

// Goal: no consumer stays parked beside a published batch (H2, H5). Method: each
// batch is published when the one before was taken, about when the consumer parks.
TEST_F(HandOverConcurrencyTest, ReportsEachParkThatAPublishMeets) {
  const QueueOptions options;
  HandOver hand_over{options};
  std::atomic<int> taken{0};
  std::atomic<int> wakes{0};
  std::atomic<bool> over{false};
  const EventRef event = EventRef::share(*event_);

  std::jthread shard{[&] {
    for (int round = 0;; ++round) {
      wait_for_turns(round % 40);
      ASSERT_TRUE(hand_over.open().put(*event, {.user = static_cast<Sequence>(round) + 1}, {}));
      if (hand_over.publish()) wakes.fetch_add(1, std::memory_order_release);
      if (!wait_until([&] { return taken.load() > round || over.load(); }) || over.load()) return;
    }
  }};
  int parks = 0;
  for (testing::Rounds rounds{200'000}; rounds.next();) {
    auto* buffer = hand_over.take();
    for (; buffer == nullptr; buffer = hand_over.take()) {
      if (!hand_over.park()) continue;
      ++parks;
      if (!wait_until([&] { return wakes.load(std::memory_order_acquire) == parks; })) {
        over.store(true);
        FAIL() << "parked for ever beside batch " << rounds.number();
      }
    }
    ASSERT_EQ(buffer->pop().event()->position.user, static_cast<Sequence>(rounds.number()) + 1);
    HandOver::give_back(*buffer);
    taken.store(rounds.number() + 1);
  }
  over.store(true);
}

testing::Coroutine take_one(std::shared_ptr<AsyncQueue> queue, std::atomic<int>& done) {
  const auto received = co_await AsyncSubscription::Next{queue};
  EXPECT_NE(received.event(), nullptr);
  done.fetch_add(1);
}

// Goal: a coroutine that suspends on one thread while the shard hands over on
// another goes on exactly once, on either, and finds all that it left.
TEST_F(HandOverConcurrencyTest, ResumesACoroutineThatSuspendsDuringTheHandOver) {
  std::shared_ptr<AsyncQueue> queue;
  std::atomic<bool> over{false};
  std::atomic<int> done{0};
  std::barrier gate{2};
  const Delivery delivery{.event = &*event_, .position = {.user = 1}};

  std::jthread shard{[&] {
    for (int round = 0;; ++round) {
      gate.arrive_and_wait();
      if (over.load()) return;
      wait_for_turns(round % 60);
      queue->on_events({.deliveries = {&delivery, 1}});
      gate.arrive_and_wait();
    }
  }};
  for (testing::Rounds rounds{20'000}; rounds.next();) {
    queue = std::make_shared<AsyncQueue>(AsyncOptions{});
    queue->on_start({});
    gate.arrive_and_wait();
    const auto coroutine = take_one(queue, done);
    gate.arrive_and_wait();
    ASSERT_EQ(done.load(), rounds.number() + 1);
    ASSERT_TRUE(coroutine.done());
  }
  over.store(true);
  gate.arrive_and_wait();
}

}  // namespace
}  // namespace carillon::engine
