#include "carillon/engine/broadcaster.hpp"
#include "tests/engine/churn_consumers.hpp"
#include "tests/support/events.hpp"
#include "tests/support/recording_sink.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace carillon::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t users_max = 6;
constexpr std::chrono::seconds churn_time{10};

/// What the threads published for one user: each writes its own counters.
class Published {
 public:
  /// A read-modify-write, so that a publish which it did not count happens after it.
  [[nodiscard]] Counts begun() {
    Counts counts{};
    for (std::size_t producer = 0; producer < threads_count; ++producer)
      counts[producer] = counters_[producer].begun.fetch_add(0);
    return counts;
  }
  [[nodiscard]] Counts returned() const {
    Counts counts{};
    for (std::size_t producer = 0; producer < threads_count; ++producer)
      counts[producer] = counters_[producer].returned.load();
    return counts;
  }
  /// Returns the index that the event carries.
  int publish(Broadcaster& broadcaster, const UserId& user, std::size_t producer) {
    const auto index = counters_[producer].begun.fetch_add(1);
    auto event = testing::make_event(broadcaster, user,
                                     std::to_string(producer) + ":" + std::to_string(index));
    while (broadcaster.publish(event) != PublishStatus::accepted)
      std::this_thread::yield();
    counters_[producer].returned.fetch_add(1);
    return index;
  }

 private:
  struct alignas(64) Counters {
    std::atomic<int> begun{0};
    std::atomic<int> returned{0};
  };
  std::array<Counters, threads_count> counters_;
};

class ChurnConcurrencyTest : public ::testing::Test {
 protected:
  void churn(ShardIndex shards, std::size_t users) {
    auto made = Broadcaster::create({.shards = shards});
    ASSERT_TRUE(made);
    broadcaster_ = std::move(*made);
    users_ = users;
    std::latch start{threads_count};
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < threads_count; ++thread)
      threads.emplace_back([this, thread, &start] {
        start.arrive_and_wait();
        churn_thread(thread);
      });
    threads.clear();
    expect_nothing_left();
  }

 private:
  void churn_thread(std::size_t thread) {
    std::mt19937 random{static_cast<std::mt19937::result_type>(thread)};
    const auto end = Clock::now() + churn_time;
    while (Clock::now() < end && !failed_.load()) {
      subscribe_and_cancel(thread, random);
      rounds_.fetch_add(1);
      // Heard by others, or by nobody.
      const auto other = random() % users_;
      for (auto count = random() % 4; count > 0; --count)
        published_[other].publish(*broadcaster_, user_of(other), thread);
    }
  }

  void subscribe_and_cancel(std::size_t thread, std::mt19937& random) {
    const auto chosen = random() % users_;
    const auto user = user_of(chosen);
    auto& published = published_[chosen];
    Window window;
    window.not_before = published.returned();
    const auto consumer = subscribe(*broadcaster_, user, thread, tally_, random() % 4);
    window.from = published.begun();
    int last = -1;
    for (auto count = random() % 8; count > 0; --count) {
      last = published.publish(*broadcaster_, user, thread);
      if (random() % 2 == 0) consumer->tend();
    }
    if (random() % 2 == 0) wait_heard(*consumer, last);
    consumer->before_cancel();
    window.to = published.returned();
    consumer->cancel();
    window.not_after = published.begun();
    const bool ended = consumer->wait_ended();
    // Without its end it is still being written.
    const auto fault = ended ? consumer->account()->fault(window) : "no end";
    if (!fault.empty()) failed_.store(true);
    EXPECT_EQ(fault, "");
  }

  /// Until the subscription heard its own thread's event of that index.
  void wait_heard(Consumer& consumer, int index) {
    const auto give_up = Clock::now() + testing::deadline;
    while (consumer.account()->own_next() <= index && Clock::now() < give_up) {
      consumer.tend();
      std::this_thread::yield();
    }
  }

  void expect_nothing_left() {
    std::uint64_t published = 0;
    for (std::size_t user = 0; user < users_; ++user)
      for (const auto count : published_[user].returned())
        published += static_cast<std::uint64_t>(count);
    const auto settled = [&](const Metrics& metrics) {
      return metrics.sequenced_total == published && metrics.subscriptions == 0 &&
             metrics.mailboxes == 0 && metrics.queued_bytes == 0;
    };
    // The last ends are told within a turn, the figures are right behind it.
    const auto give_up = Clock::now() + testing::deadline;
    while (!settled(broadcaster_->metrics()) && Clock::now() < give_up)
      std::this_thread::yield();
    const auto metrics = broadcaster_->metrics();
    EXPECT_EQ(tally_.ends.load(), rounds_.load());
    EXPECT_EQ(tally_.events_after_end.load(), 0U);
    EXPECT_EQ(metrics.accepted_total, published);
    EXPECT_EQ(metrics.sequenced_total, published);
    EXPECT_EQ(metrics.subscriptions, 0U);
    EXPECT_EQ(metrics.mailboxes, 0U);
    EXPECT_EQ(metrics.queued_bytes, 0U);
    RecordProperty("rounds", std::to_string(rounds_.load()));
    RecordProperty("published", std::to_string(published));
    RecordProperty("delivered", std::to_string(metrics.delivered_total));
  }

  static UserId user_of(std::size_t number) {
    return testing::user(static_cast<std::uint8_t>(number));
  }

  Tally tally_;
  std::unique_ptr<Broadcaster> broadcaster_;
  std::size_t users_ = 0;
  std::array<Published, users_max> published_;
  std::atomic<bool> failed_{false};
  std::atomic<std::size_t> rounds_{0};
};

// Goal: whoever subscribes hears exactly what was published between the subscribe
// and the cancel, each producer in its order, whichever way it consumes. Method:
// each thread subscribes, publishes and cancels, over and over; two counters a
// producer tell which publishes lie for certain inside a subscription's life, and
// which for certain outside.
TEST_F(ChurnConcurrencyTest, HearsExactlyItsLifetimeOfOneUser) {
  churn(1, 1);
}

// The same where mailboxes close, are recycled for other users, and open again
// beneath publishers that looked them up before.
TEST_F(ChurnConcurrencyTest, HearsExactlyItsLifetimeOfUsersWhoseMailboxesAreRecycled) {
  churn(2, users_max);
}

}  // namespace
}  // namespace carillon::engine
