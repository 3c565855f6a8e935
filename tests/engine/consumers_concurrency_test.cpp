#include "carillon/engine/broadcaster.hpp"
#include "tests/support/coroutine.hpp"
#include "tests/support/events.hpp"
#include "tests/support/recording_sink.hpp"
#include "tests/support/rounds.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace carillon::engine {
namespace {

constexpr int producers = 3;
constexpr int events_each = 4'000;
constexpr std::uint64_t events_total = std::uint64_t{producers} * events_each;

/// What a consumer got, checked item by item: positions ascend, nothing overlaps.
struct Account {
  void take(const Received& received) {
    if (const auto* one = received.event()) {
      take_event(one->position, one->superseded);
    } else if (const auto* gap = received.gap()) {
      take_gap(*gap);
    } else if (const auto* last = received.end()) {
      EXPECT_FALSE(end) << "a second end";
      end = *last;
    }
  }
  void take_event(const Position& position, std::uint64_t superseded_events) {
    EXPECT_FALSE(end) << "an event after the end";
    EXPECT_GT(position.user, reached) << "not in order";
    reached = position.user;
    ++events;
    superseded += superseded_events;
  }
  void take_gap(const Gap& gap) {
    EXPECT_FALSE(end) << "a gap after the end";
    EXPECT_GE(gap.from.user, reached) << "not in order";
    EXPECT_GT(gap.to.user, gap.from.user);
    EXPECT_GT(gap.events, 0U) << "an empty gap";
    reached = gap.to.user;
    skipped += gap.events;
  }
  [[nodiscard]] std::uint64_t sum() const { return events + skipped + superseded; }

  Sequence reached = 0;
  std::uint64_t events = 0;
  std::uint64_t skipped = 0;
  std::uint64_t superseded = 0;
  std::optional<End> end;
};

/// Producers behind one gate that publish `events_total` events of one user.
class ConsumersConcurrencyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Broadcaster::create({.shards = 1});
    ASSERT_TRUE(made);
    broadcaster_ = std::move(*made);
  }

  /// Publishes everything, then `done`, once the events were all fanned out.
  std::jthread publish_all() {
    return std::jthread{[this] {
      auto watcher = std::make_shared<testing::RecordingSink>();
      const auto watching = broadcaster_->subscribe(user_, watcher);
      ASSERT_TRUE(watcher->wait_started());
      std::latch start{producers};
      std::vector<std::jthread> threads;
      for (int producer = 0; producer < producers; ++producer)
        threads.emplace_back([this, &start] {
          start.arrive_and_wait();
          for (int index = 0; index < events_each; ++index)
            publish(index);
        });
      threads.clear();
      ASSERT_TRUE(watcher->wait_seen(events_total));
    }};
  }
  void publish(int index) {
    auto builder = testing::event_for(*broadcaster_, user_);
    // Eight things whose states are conflated.
    builder.acted_upon(testing::user(static_cast<std::uint8_t>(100 + index % 8)));
    auto event = std::move(*builder.build());
    while (broadcaster_->publish(event) != PublishStatus::accepted)
      std::this_thread::yield();
  }
  /// Room for about `events`, so that a consumer that is scheduled out falls behind.
  [[nodiscard]] QueueOptions queue_of(std::size_t events, Overflow overflow) {
    return {.bytes_max = events * 1'200,
            .overflow = overflow,
            .key = ConflationKey::of([](const Event& event) { return event.acted_upon(); })};
  }

  const UserId user_ = testing::user(1);
  std::unique_ptr<Broadcaster> broadcaster_;
};

// Goal: with `drop` and `latest` every event is accounted for: received, told as
// skipped or told as superseded; the cancel behind the last one ends it.
TEST_F(ConsumersConcurrencyTest, PullsWhatIsNotToldAsSkippedOrSuperseded) {
  for (const auto overflow : {Overflow::drop, Overflow::latest}) {
    for (const std::size_t room : {std::size_t{3}, std::size_t{200}}) {
      auto subscription = broadcaster_->subscribe_pull(user_, queue_of(room, overflow));
      auto publishing = publish_all();
      std::jthread canceller{[&] {
        publishing.join();
        subscription.cancel();
      }};
      Account account;
      while (!account.end) {
        // Now and then a deadline that passes, whose wake may come too late.
        auto received = account.events % 3 == 0
                            ? subscription.next_for(std::chrono::microseconds{1})
                            : subscription.next();
        account.take(received);
      }
      EXPECT_EQ(account.sum(), events_total);
      EXPECT_EQ(account.end->reason, EndReason::cancelled);
    }
  }
}

// Goal: with `close` a consumer that subscribes again after each overflow never
// gets a hole inside one subscription, and knows where each ended.
TEST_F(ConsumersConcurrencyTest, PullsWithoutAHoleUntilItOverflows) {
  auto publishing = publish_all();
  std::atomic<bool> published{false};
  std::jthread watcher{[&] {
    publishing.join();
    published.store(true);
  }};
  std::uint64_t overflows = 0;
  while (!published.load()) {
    auto subscription = broadcaster_->subscribe_pull(user_, queue_of(20, Overflow::close));
    std::optional<Sequence> last;
    while (!published.load()) {
      const auto received = subscription.next_for(std::chrono::milliseconds{1});
      if (const auto* one = received.event()) {
        if (last) {
          ASSERT_EQ(one->position.user, *last + 1);
        }
        last = one->position.user;
      }
      if (const auto* end = received.end()) {
        ASSERT_EQ(end->reason, EndReason::overflowed);
        if (last) {
          ASSERT_EQ(end->position->user, *last);
        }
        ++overflows;
        break;
      }
    }
  }
  RecordProperty("overflows", std::to_string(overflows));
}

// Goal: a consumer blocked in next() hears of a cancel from any thread.
TEST_F(ConsumersConcurrencyTest, EndsABlockedConsumerByACancelFromAnotherThread) {
  for (int round = 0; round < 500; ++round) {
    auto subscription = broadcaster_->subscribe_pull(user_);
    std::latch start{2};
    std::jthread canceller{[&] {
      start.arrive_and_wait();
      subscription.cancel();
    }};
    start.arrive_and_wait();
    const auto received = subscription.next();
    ASSERT_NE(received.end(), nullptr);
    ASSERT_EQ(received.end()->reason, EndReason::cancelled);
  }
}

/// One thread that resumes coroutines, as an embedder's event loop would.
class Executor {
 public:
  AsyncOptions options(QueueOptions queue) {
    return {.queue = std::move(queue),
            .resume = [this](Resumption resumption) { post(std::move(resumption)); }};
  }
  /// Runs what is posted until `done`.
  void run_until(const bool& done) {
    while (!done) {
      std::unique_lock lock{mutex_};
      ASSERT_TRUE(
          posted_some_.wait_for(lock, testing::deadline, [this] { return !posted_.empty(); }));
      const auto resumption = std::move(posted_.front());
      posted_.pop_front();
      lock.unlock();
      resumption();
    }
  }

 private:
  void post(Resumption resumption) {
    const std::lock_guard lock{mutex_};
    posted_.push_back(std::move(resumption));
    posted_some_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable posted_some_;
  std::deque<Resumption> posted_;
};

testing::Coroutine consume(AsyncSubscription& subscription, Account& account, bool& done) {
  while (!account.end)
    account.take(co_await subscription.next());
  done = true;
}

TEST_F(ConsumersConcurrencyTest, AwaitsOnItsOwnThreadWhatIsNotToldAsSkipped) {
  for (const auto overflow : {Overflow::drop, Overflow::latest}) {
    Executor executor;
    auto subscription =
        broadcaster_->subscribe_async(user_, executor.options(queue_of(5, overflow)));
    auto publishing = publish_all();
    std::jthread canceller{[&] {
      publishing.join();
      subscription.cancel();
    }};
    Account account;
    bool done = false;
    const auto coroutine = consume(subscription, account, done);

    executor.run_until(done);

    EXPECT_EQ(account.sum(), events_total);
    EXPECT_EQ(account.end->reason, EndReason::cancelled);
  }
}

testing::Coroutine consume_on_shard(AsyncSubscription& subscription,
                                    Account& account,
                                    std::latch& done) {
  while (!account.end)
    account.take(co_await subscription.next());
  done.count_down();
}

// Without an executor the shard resumes: it can never be behind, so nothing is
// skipped even where hardly anything may be queued.
TEST_F(ConsumersConcurrencyTest, AwaitsOnTheShardWithoutEverFallingBehind) {
  auto subscription =
      broadcaster_->subscribe_async(user_, {.queue = queue_of(4'000, Overflow::close)});
  Account account;
  std::latch done{1};
  const auto coroutine = consume_on_shard(subscription, account, done);
  publish_all().join();

  subscription.cancel();
  done.wait();

  EXPECT_EQ(account.events, events_total);
  EXPECT_EQ(account.end->reason, EndReason::cancelled);
  broadcaster_->stop();  // the shard is out of the coroutine before it goes
}

// Goal: a consumer that parks just as the shard hands over is woken: each event is
// published when the one before was received, so the two meet each time.
TEST_F(ConsumersConcurrencyTest, WakesAConsumerThatParksDuringTheHandOver) {
  auto subscription = broadcaster_->subscribe_pull(user_);
  std::atomic<int> received_count{0};
  std::atomic<bool> over{false};
  std::jthread publisher{[&] {
    for (int index = 0; !over.load(std::memory_order_relaxed); ++index) {
      publish(index);
      while (received_count.load(std::memory_order_relaxed) <= index &&
             !over.load(std::memory_order_relaxed))
        std::this_thread::yield();
    }
  }};
  for (testing::Rounds rounds{20'000}; rounds.next();) {
    const auto received = subscription.next_for(testing::deadline);
    if (received.event() == nullptr) {
      over.store(true);
      FAIL() << "no wake for event " << rounds.number();
    }
    received_count.store(rounds.number() + 1, std::memory_order_relaxed);
  }
  over.store(true);
}

// Goal: no batch is lost between a pause on the shard and the one resume that
// answers it from another thread, however soon it comes.
TEST_F(ConsumersConcurrencyTest, GivesEverythingToABatchConsumerThatIsResumedFromOutside) {
  std::atomic<std::uint64_t> given{0};
  std::atomic<bool> paused{false};
  Account account;
  auto subscription =
      broadcaster_->subscribe_batches(user_,
                                      {.on_events =
                                           [&](const Batch& batch) {
                                             for (const auto& delivery : batch.deliveries)
                                               account.take_event(delivery.position, 0);
                                             given.store(account.sum());
                                             paused.store(true);
                                             return Demand::pause;
                                           },
                                       .on_gap =
                                           [&](const Gap& gap) {
                                             account.take_gap(gap);
                                             given.store(account.sum());
                                           },
                                       .on_end = [&](const End& end) { account.end = end; }},
                                      queue_of(50, Overflow::drop));
  const auto publishing = publish_all();

  const auto give_up = std::chrono::steady_clock::now() + testing::deadline;
  while (given.load() < events_total && std::chrono::steady_clock::now() < give_up) {
    if (paused.exchange(false)) {
      subscription.resume();
    } else {
      std::this_thread::yield();
    }
  }

  EXPECT_EQ(given.load(), events_total);
  broadcaster_->stop();
  ASSERT_TRUE(account.end);
  EXPECT_EQ(account.end->reason, EndReason::stopped);
}

}  // namespace
}  // namespace carillon::engine
