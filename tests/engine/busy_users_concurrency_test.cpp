#include "carillon/engine/broadcaster.hpp"
#include "tests/support/events.hpp"
#include "tests/support/rounds.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace carillon::engine {
namespace {

constexpr std::size_t users_count = 4;
constexpr int rounds_max = 2'000;
constexpr int burst = 12;  // in one turn or two: the user becomes busy

/// One producer's numbers must come one after the other.
class NumberedSink final : public Sink {
 public:
  void on_events(const DeliveryBatch& batch) noexcept override {
    for (const auto& delivery : batch.deliveries) {
      const auto next = seen_.load(std::memory_order_relaxed);
      if (delivery.event->description() != std::to_string(next)) ordered_ = false;
      seen_.store(next + 1, std::memory_order_release);
    }
  }
  void wait_seen(int count) const {
    while (seen_.load(std::memory_order_acquire) < count)
      std::this_thread::yield();
  }
  [[nodiscard]] bool ordered() const { return ordered_; }

 private:
  std::atomic<int> seen_{0};
  std::atomic<bool> ordered_{true};
};

/// Bursts, and between them single events that each wait until they are delivered: about
/// as many as make the user quiet, so that the next burst comes while that happens.
void produce(Broadcaster& broadcaster, const UserId& user, const NumberedSink& sink) {
  int published = 0;
  const auto publish_next = [&] {
    auto event = testing::make_event(broadcaster, user, std::to_string(published++));
    while (broadcaster.publish(event) != PublishStatus::accepted)
      std::this_thread::yield();
  };
  for (testing::Rounds rounds{rounds_max}; rounds.next();) {
    for (int i = 0; i < burst; ++i)
      publish_next();
    sink.wait_seen(published);
    for (int i = 0; i < 6 + rounds.number() % 4; ++i) {
      publish_next();
      sink.wait_seen(published);
    }
  }
}

// Goal: nothing lost and each producer's order kept while users become busy and quiet
// again under their publishers. A lost event hangs the test.
TEST(BusyUsersConcurrencyTest, KeepsEachProducersOrderWhileUsersBecomeBusyAndQuiet) {
  auto made = Broadcaster::create({.shards = 1, .spin = std::chrono::milliseconds{1}});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  std::array<std::shared_ptr<NumberedSink>, users_count> sinks;
  std::vector<Subscription> handles;
  for (std::size_t i = 0; i < users_count; ++i) {
    sinks[i] = std::make_shared<NumberedSink>();
    handles.push_back(broadcaster.subscribe(testing::user(static_cast<std::uint8_t>(i)), sinks[i]));
  }
  std::latch start{users_count};

  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < users_count; ++i)
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      produce(broadcaster, testing::user(static_cast<std::uint8_t>(i)), *sinks[i]);
    });
  threads.clear();

  for (const auto& sink : sinks)
    EXPECT_TRUE(sink->ordered());
}

}  // namespace
}  // namespace carillon::engine
