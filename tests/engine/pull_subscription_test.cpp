#include "carillon/engine/pull_subscription.hpp"

#include "tests/engine/turned_broadcaster.hpp"
#include "tests/support/received_text.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <vector>

namespace carillon::engine {
namespace {

using ::testing::ElementsAre;
using testing::text;

class PullSubscriptionTest : public TurnedBroadcasterTest {
 protected:
  static std::vector<std::string> take_all(PullSubscription& subscription) {
    std::vector<std::string> texts;
    while (true) {
      const auto received = subscription.try_next();
      if (!received) return texts;
      texts.push_back(testing::text(received));
      if (received.end() != nullptr) return texts;
    }
  }
  void publish_all(std::initializer_list<const char*> descriptions) {
    for (const char* description : descriptions)
      publish(alice_, description);
  }
  /// Room for so many small events.
  std::size_t room(std::size_t events) {
    return events * (event(alice_, "a")->footprint_bytes() + 200);
  }
};

TEST_F(PullSubscriptionTest, GivesWhatWasPublishedInOrder) {
  start();
  auto subscription = broadcaster_->subscribe_pull(alice_);
  publish_all({"a", "b"});
  run();
  publish_all({"c"});
  run();

  EXPECT_THAT(take_all(subscription), ElementsAre("a", "b", "c"));
  EXPECT_FALSE(subscription.try_next());
}

TEST_F(PullSubscriptionTest, GivesTheLiveStreamsPositions) {
  start();
  auto subscription = broadcaster_->subscribe_pull(alice_);
  auto [sink, handle] = subscribe(alice_);
  publish_all({"a"});
  run();

  const auto received = subscription.next();

  ASSERT_NE(received.event(), nullptr);
  EXPECT_EQ(received.event()->position, sink->seen()[0].position);
  EXPECT_EQ(received.event()->event.get(), sink->seen()[0].event.get());
}

TEST_F(PullSubscriptionTest, AppliesItsFilter) {
  start();
  auto subscription = broadcaster_->subscribe_pull(alice_, {.filter = {.search = "two"}});
  publish_all({"one", "two"});
  run();

  EXPECT_THAT(take_all(subscription), ElementsAre("two"));
}

TEST_F(PullSubscriptionTest, AnswersNothingAtTheDeadline) {
  using namespace std::chrono_literals;
  start();
  auto subscription = broadcaster_->subscribe_pull(alice_);
  run();

  EXPECT_FALSE(subscription.next_for(1ms));
  EXPECT_FALSE(subscription.next_until(PullSubscription::Clock::now() - 1s));

  publish_all({"a"});
  run();
  EXPECT_EQ(text(subscription.next_for(1ms)), "a");
}

TEST_F(PullSubscriptionTest, EndsAtTheBoundAfterWhatIsQueued) {
  start();
  auto [sink, handle] = subscribe(alice_);
  auto subscription = broadcaster_->subscribe_pull(alice_, {.bytes_max = room(2)});
  publish_all({"a", "b", "c", "d"});
  run();
  EXPECT_EQ(broadcaster_->metrics().subscriptions, 1U);  // the slow one has left

  EXPECT_EQ(text(subscription.next()), "a");
  EXPECT_EQ(text(subscription.next()), "b");
  const auto end = subscription.next();
  ASSERT_NE(end.end(), nullptr);
  EXPECT_EQ(end.end()->reason, EndReason::overflowed);
  EXPECT_EQ(end.end()->position, sink->seen()[1].position);
  EXPECT_EQ(*subscription.next().end(), *end.end());
}

TEST_F(PullSubscriptionTest, ReportsWhatItDroppedAndGoesOn) {
  start();
  auto [sink, handle] = subscribe(alice_);
  auto subscription =
      broadcaster_->subscribe_pull(alice_, {.bytes_max = room(1), .overflow = Overflow::drop});
  publish_all({"a", "b"});
  run();
  publish_all({"c"});
  run();

  EXPECT_EQ(text(subscription.next()), "a");
  const auto gap = subscription.next();
  ASSERT_NE(gap.gap(), nullptr);
  EXPECT_EQ(*gap.gap(),
            (Gap{.from = sink->seen()[0].position, .to = sink->seen()[2].position, .events = 2}));
  publish_all({"d"});
  run();
  EXPECT_THAT(take_all(subscription), ElementsAre("d"));
}

TEST_F(PullSubscriptionTest, BeginsANewGapBehindWhatTheConsumerHolds) {
  start();
  auto subscription =
      broadcaster_->subscribe_pull(alice_, {.bytes_max = room(1), .overflow = Overflow::drop});
  publish_all({"a", "b"});
  run();
  EXPECT_EQ(text(subscription.next()), "a");  // takes the gap too
  publish_all({"c", "d", "e"});
  run();

  EXPECT_THAT(take_all(subscription), ElementsAre("gap of 1", "c", "gap of 2"));
}

TEST_F(PullSubscriptionTest, ConflatesWhatWaits) {
  start();
  auto subscription = broadcaster_->subscribe_pull(
      alice_, {.overflow = Overflow::latest,
               .key = ConflationKey::of([](const Event& of) { return of.description()[0]; })});
  publish_all({"a1", "b1", "a2"});
  run();
  publish_all({"a3"});
  run();
  EXPECT_EQ(text(subscription.next()), "b1");
  publish_all({"b2"});
  run();

  EXPECT_THAT(take_all(subscription), ElementsAre("a3+2", "b2"));
}

TEST_F(PullSubscriptionTest, EndsBehindWhatIsQueuedWhenCancelled) {
  start();
  auto [sink, handle] = subscribe(alice_);
  auto subscription = broadcaster_->subscribe_pull(alice_);
  publish_all({"a"});
  subscription.cancel();
  publish_all({"b"});
  run();

  EXPECT_EQ(text(subscription.next()), "a");
  const auto end = subscription.next();
  ASSERT_NE(end.end(), nullptr);
  EXPECT_EQ(end.end()->reason, EndReason::cancelled);
  EXPECT_EQ(end.end()->position, sink->seen()[0].position);
}

TEST_F(PullSubscriptionTest, EndsWithItsStartIfNothingCame) {
  start();
  auto [sink, handle] = subscribe(alice_);
  auto subscription = broadcaster_->subscribe_pull(alice_);
  subscription.cancel();
  run();

  EXPECT_EQ(subscription.next().end()->position, sink->started());
}

TEST_F(PullSubscriptionTest, DrainsAfterStopThenEnds) {
  start();
  auto subscription = broadcaster_->subscribe_pull(alice_);
  publish_all({"a", "b"});

  broadcaster_->stop();

  EXPECT_THAT(take_all(subscription), ElementsAre("a", "b", "end: stopped"));
}

TEST_F(PullSubscriptionTest, EndsAtOnceAfterStop) {
  start();
  broadcaster_->stop();

  auto subscription = broadcaster_->subscribe_pull(alice_);

  EXPECT_EQ(*subscription.next().end(), (End{EndReason::stopped, std::nullopt}));
}

TEST_F(PullSubscriptionTest, GivesItsEventsBackWhenDestroyed) {
  start({}, false);
  {
    auto subscription = broadcaster_->subscribe_pull(alice_);
    publish_all({"a", "b"});
    run();
    static_cast<void>(subscription.next());
    EXPECT_GT(broadcaster_->metrics().event_memory_bytes, 0U);
  }
  run();

  EXPECT_EQ(broadcaster_->metrics().event_memory_bytes, 0U);
  EXPECT_EQ(broadcaster_->metrics().subscriptions, 0U);
}

// The README's example: a thread that asks, and gives up at the end.
TEST_F(PullSubscriptionTest, IsConsumedInALoop) {
  start();
  auto subscription = broadcaster_->subscribe_pull(
      alice_, {.bytes_max = std::size_t{1} << 20U, .overflow = Overflow::drop});
  publish_all({"a", "b"});
  broadcaster_->stop();
  std::vector<std::string> used;
  std::uint64_t missed = 0;

  while (true) {
    const auto received = subscription.next();
    if (const auto* one = received.event()) used.push_back(one->event->description());
    if (const auto* gap = received.gap()) missed += gap->events;
    if (received.end() != nullptr) break;
  }

  EXPECT_THAT(used, ElementsAre("a", "b"));
  EXPECT_EQ(missed, 0U);
}

}  // namespace
}  // namespace carillon::engine
