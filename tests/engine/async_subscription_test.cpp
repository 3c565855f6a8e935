#include "carillon/engine/async_subscription.hpp"

#include "tests/engine/turned_broadcaster.hpp"
#include "tests/support/coroutine.hpp"
#include "tests/support/received_text.hpp"

#include <gmock/gmock.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon::engine {
namespace {

using testing::Coroutine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::text;

using Texts = std::vector<std::string>;

/// The README's example: takes until the end.
Coroutine consume(AsyncSubscription& subscription, Texts& texts) {
  while (true) {
    const auto received = co_await subscription.next();
    texts.push_back(text(received));
    if (received.end() != nullptr) co_return;
  }
}

Coroutine consume_one(AsyncSubscription& subscription, Texts& texts) {
  texts.push_back(text(co_await subscription.next()));
}

/// An executor that runs what was posted when the test says so.
struct ManualExecutor {
  AsyncOptions options(QueueOptions queue = {}) {
    return {.queue = std::move(queue),
            .resume = [this](Resumption resumption) { posted.push_back(std::move(resumption)); }};
  }
  void run() {
    while (!posted.empty()) {
      const auto resumption = std::move(posted.front());
      posted.pop_front();
      resumption();
    }
  }
  std::deque<Resumption> posted;
};

class AsyncSubscriptionTest : public TurnedBroadcasterTest {
 protected:
  void publish_all(std::initializer_list<const char*> descriptions) {
    for (const char* description : descriptions)
      publish(alice_, description);
  }
  std::size_t room(std::size_t events) {
    return events * (event(alice_, "a")->footprint_bytes() + 200);
  }
  Texts texts_;
};

TEST_F(AsyncSubscriptionTest, GoesOnWithoutSuspendingWhileSomethingIsQueued) {
  start();
  auto subscription = broadcaster_->subscribe_async(alice_);
  publish_all({"a", "b"});
  run();

  const auto coroutine = consume(subscription, texts_);

  EXPECT_THAT(texts_, ElementsAre("a", "b"));
  EXPECT_FALSE(coroutine.done());
}

TEST_F(AsyncSubscriptionTest, IsResumedOnTheShardByDefault) {
  start();
  auto subscription = broadcaster_->subscribe_async(alice_);
  const auto coroutine = consume(subscription, texts_);
  publish_all({"a", "b"});
  run();
  EXPECT_THAT(texts_, ElementsAre("a", "b"));

  publish_all({"c"});
  run();

  EXPECT_THAT(texts_, ElementsAre("a", "b", "c"));
}

TEST_F(AsyncSubscriptionTest, IsResumedWhereTheEmbedderSays) {
  start();
  ManualExecutor executor;
  auto subscription = broadcaster_->subscribe_async(alice_, executor.options());
  const auto coroutine = consume(subscription, texts_);
  publish_all({"a"});
  run();
  EXPECT_THAT(texts_, IsEmpty());
  EXPECT_THAT(executor.posted, SizeIs(1));
  publish_all({"b"});
  run();
  EXPECT_THAT(executor.posted, SizeIs(1));

  executor.run();

  EXPECT_THAT(texts_, ElementsAre("a", "b"));
}

TEST_F(AsyncSubscriptionTest, AppliesTheOverflowPolicyWhileTheCoroutineIsBusy) {
  start();
  ManualExecutor executor;
  auto subscription = broadcaster_->subscribe_async(
      alice_, executor.options({.bytes_max = room(1), .overflow = Overflow::drop}));
  const auto coroutine = consume(subscription, texts_);
  publish_all({"a", "b", "c"});
  run();

  executor.run();

  EXPECT_THAT(texts_, ElementsAre("a", "gap of 2"));
}

TEST_F(AsyncSubscriptionTest, EndsAtTheBoundAfterWhatIsQueued) {
  start();
  auto subscription = broadcaster_->subscribe_async(alice_, {.queue = {.bytes_max = room(2)}});
  publish_all({"a", "b", "c"});
  run();

  const auto coroutine = consume(subscription, texts_);

  EXPECT_THAT(texts_, ElementsAre("a", "b", "end: overflowed"));
  EXPECT_TRUE(coroutine.done());
  EXPECT_EQ(broadcaster_->metrics().subscriptions, 0U);
}

TEST_F(AsyncSubscriptionTest, GivesAWaitingCoroutineTheEnd) {
  start();
  auto subscription = broadcaster_->subscribe_async(alice_);
  const auto coroutine = consume(subscription, texts_);
  subscription.cancel();
  run();

  EXPECT_THAT(texts_, ElementsAre("end: cancelled"));
  EXPECT_TRUE(coroutine.done());
}

TEST_F(AsyncSubscriptionTest, GivesTheEndAlsoIfTheSubscriptionIsGone) {
  start();
  std::optional<AsyncSubscription> subscription{broadcaster_->subscribe_async(alice_)};
  const auto coroutine = consume_one(*subscription, texts_);
  subscription.reset();
  run();

  EXPECT_THAT(texts_, ElementsAre("end: cancelled"));
}

TEST_F(AsyncSubscriptionTest, GivesTheEndAgainWhenAskedAgain) {
  start();
  broadcaster_->stop();
  auto subscription = broadcaster_->subscribe_async(alice_);

  const auto first = consume(subscription, texts_);
  const auto second = consume(subscription, texts_);

  EXPECT_THAT(texts_, ElementsAre("end: stopped", "end: stopped"));
}

TEST_F(AsyncSubscriptionTest, EndsDuringStop) {
  start();
  auto subscription = broadcaster_->subscribe_async(alice_);
  const auto coroutine = consume(subscription, texts_);
  publish_all({"a"});

  broadcaster_->stop();

  EXPECT_THAT(texts_, ElementsAre("a", "end: stopped"));
}

Coroutine answer_and_leave(Broadcaster& broadcaster,
                           std::unique_ptr<AsyncSubscription> subscription,
                           UserId user,
                           Texts& texts) {
  texts.push_back(text(co_await subscription->next()));
  auto answer = testing::make_event(broadcaster, user, "answer");
  static_cast<void>(broadcaster.publish(answer));
  texts.push_back(text(co_await subscription->next()));
  subscription.reset();
  auto next = broadcaster.subscribe_async(user);
  texts.push_back(text(co_await next.next()));
}

TEST_F(AsyncSubscriptionTest, MayPublishSubscribeAndDestroyItsSubscriptionOnTheShard) {
  start();
  const auto coroutine = answer_and_leave(
      *broadcaster_, std::make_unique<AsyncSubscription>(broadcaster_->subscribe_async(alice_)),
      alice_, texts_);
  publish_all({"a"});
  run();
  EXPECT_THAT(texts_, ElementsAre("a", "answer"));
  EXPECT_EQ(broadcaster_->metrics().subscriptions, 1U);
  publish_all({"b"});

  run();

  EXPECT_THAT(texts_, ElementsAre("a", "answer", "b"));
  EXPECT_TRUE(coroutine.done());
}

TEST_F(AsyncSubscriptionTest, ForgetsAWaitingCoroutineThatIsDestroyed) {
  start();
  auto subscription = broadcaster_->subscribe_async(alice_);
  auto coroutine = std::make_unique<Coroutine>(consume(subscription, texts_));
  coroutine.reset();
  publish_all({"a"});
  run();
  EXPECT_THAT(texts_, IsEmpty());

  const auto successor = consume(subscription, texts_);

  EXPECT_THAT(texts_, ElementsAre("a"));
}

TEST_F(AsyncSubscriptionTest, IgnoresAResumptionWhoseCoroutineWasDestroyed) {
  start();
  ManualExecutor executor;
  auto subscription = broadcaster_->subscribe_async(alice_, executor.options());
  auto coroutine = std::make_unique<Coroutine>(consume(subscription, texts_));
  publish_all({"a"});
  run();
  ASSERT_THAT(executor.posted, SizeIs(1));
  coroutine.reset();

  executor.run();

  EXPECT_THAT(texts_, IsEmpty());
}

TEST_F(AsyncSubscriptionTest, DoesNotTakeALateResumptionForItsSuccessors) {
  start();
  ManualExecutor executor;
  auto subscription = broadcaster_->subscribe_async(alice_, executor.options());
  auto coroutine = std::make_unique<Coroutine>(consume(subscription, texts_));
  publish_all({"a"});
  run();
  coroutine.reset();
  const auto successor = consume(subscription, texts_);  // takes "a", waits
  EXPECT_THAT(texts_, ElementsAre("a"));

  executor.run();  // made for the first one
  EXPECT_THAT(texts_, ElementsAre("a"));
  publish_all({"b"});
  run();
  executor.run();

  EXPECT_THAT(texts_, ElementsAre("a", "b"));
}

}  // namespace
}  // namespace carillon::engine
