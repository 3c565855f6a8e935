#include "carillon/engine/broadcaster.hpp"

#include "tests/engine/turned_broadcaster.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace carillon::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BroadcasterTest : public TurnedBroadcasterTest {};

TEST_F(BroadcasterTest, DeliversToEverySubscriberOfTheUserInOneOrder) {
  start();
  auto [first, handle1] = subscribe(alice_);
  auto [second, handle2] = subscribe(alice_);
  for (const char* text : {"a", "b", "c"})
    publish(alice_, text);

  run();

  EXPECT_THAT(first->descriptions(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(second->descriptions(), ElementsAre("a", "b", "c"));
  const auto seen = first->seen();
  EXPECT_LT(seen[0].event->sequence(), seen[1].event->sequence());
  EXPECT_LT(seen[1].event->sequence(), seen[2].event->sequence());
}

TEST_F(BroadcasterTest, KeepsUsersApart) {
  start();
  auto [sink, handle] = subscribe(alice_);
  publish(bob_, "for bob");

  run();

  EXPECT_THAT(sink->descriptions(), IsEmpty());
}

TEST_F(BroadcasterTest, BeginsAboveEverySequenceOfEarlierLives) {
  start();
  auto [sink, handle] = subscribe(alice_);
  publish(alice_);

  run();

  ASSERT_THAT(sink->seen(), SizeIs(1));
  EXPECT_GE(sink->seen()[0].event->sequence(), 100U);  // ManualLog's origin
  EXPECT_EQ(sink->started()->user, 99U);
}

TEST_F(BroadcasterTest, GivesEachEventItsPositionAndCompletesItsJson) {
  start();
  auto [sink, handle] = subscribe(alice_);
  publish(alice_, "hello");

  run();

  const auto seen = sink->seen();
  ASSERT_THAT(seen, SizeIs(1));
  const auto& event = *seen[0].event;
  EXPECT_EQ(seen[0].position.user, event.sequence());
  EXPECT_THAT(std::string{event.json()}, HasSubstr("\"description\":\"hello\""));
  EXPECT_THAT(std::string{event.json()},
              HasSubstr("\"sequence\":" + std::to_string(event.sequence()) + "}"));
  EXPECT_THAT(std::string{event.json()},
              HasSubstr("\"createdAt\":\"" + to_string(event.created_at()) + "\""));
}

TEST_F(BroadcasterTest, AppliesEachSubscriptionsOwnFilter) {
  start();
  auto [everything, handle1] = subscribe(alice_);
  auto [some, handle2] = subscribe(alice_, {.search = "TWO"});
  for (const char* text : {"one", "two", "three"})
    publish(alice_, text);

  run();

  EXPECT_THAT(everything->descriptions(), SizeIs(3));
  EXPECT_THAT(some->descriptions(), ElementsAre("two"));
}

TEST_F(BroadcasterTest, DoesNotDeliverWhatTheSameThreadPublishedBeforeItSubscribed) {
  start();
  publish(alice_, "before");
  auto [sink, handle] = subscribe(alice_);
  publish(alice_, "after");

  run();

  EXPECT_THAT(sink->descriptions(), ElementsAre("after"));
}

// The regression: the first event waits in the shard's own queue, a subscription
// opens a mailbox, the second event goes there; the mailbox is taken first.
TEST_F(BroadcasterTest, KeepsAPublishersOrderAcrossTheFirstSubscription) {
  start();
  auto [listener, keep] = subscribe(alice_);
  publish(alice_, "1");
  run();
  keep.cancel();
  run();
  publish(alice_, "2");  // nobody hears alice: the shard's own queue
  auto [sink, handle] = subscribe(alice_);
  publish(alice_, "3");

  run();
  publish(alice_, "4");
  run();

  EXPECT_THAT(sink->descriptions(), ElementsAre("3", "4"));
  const auto sequences = log_.pending_sequences();
  EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end()));
  EXPECT_THAT(sequences, SizeIs(4));
}

TEST_F(BroadcasterTest, StopsDeliveringAfterCancelAndSaysSoOnce) {
  start();
  auto [sink, handle] = subscribe(alice_);
  publish(alice_, "heard");
  handle.cancel();
  handle.cancel();
  publish(alice_, "unheard");

  run();

  EXPECT_THAT(sink->descriptions(), ElementsAre("heard"));
  EXPECT_EQ(sink->ended(), EndReason::cancelled);
  EXPECT_EQ(sink->ends(), 1);
}

TEST_F(BroadcasterTest, FreesTheMailboxWithTheLastSubscriptionAndQueuedEvent) {
  start();
  {
    auto [sink, handle] = subscribe(alice_);
    run();
    EXPECT_EQ(broadcaster_->metrics().mailboxes, 1U);
    publish(alice_);
  }
  run();

  EXPECT_EQ(broadcaster_->metrics().mailboxes, 0U);
  EXPECT_EQ(broadcaster_->metrics().subscriptions, 0U);
}

TEST_F(BroadcasterTest, CancellingInsideTheSinksOwnCallIsSafe) {
  start();
  Subscription handle;
  int calls = 0;
  handle = broadcaster_->subscribe(alice_, [&](const Event&) {
    ++calls;
    handle.cancel();
  });
  run();
  publish(alice_);
  run();
  publish(alice_);

  run();

  EXPECT_EQ(calls, 1);
}

TEST_F(BroadcasterTest, ReachesEverySubscriberOfEveryShardByABroadcast) {
  start();
  const auto carol = other_shard_than(alice_);
  auto [a, handle1] = subscribe(alice_);
  auto [b, handle2] = subscribe(carol);
  run();

  ASSERT_EQ(broadcaster_->broadcast(testing::make_broadcast(*broadcaster_, "to all")),
            PublishStatus::accepted);
  run();

  EXPECT_THAT(a->descriptions(), ElementsAre("to all"));
  EXPECT_THAT(b->descriptions(), ElementsAre("to all"));
  EXPECT_EQ(a->seen()[0].position.broadcast, a->seen()[0].event->sequence());
  EXPECT_EQ(log_.pending_sequences().size(), 1U) << "a broadcast is stored once";
}

TEST_F(BroadcasterTest, HoldsBroadcastsBackWhileAShardFallsBehind) {
  start({.shards = 2, .queued_bytes_max = 4'096});
  int accepted = 0;
  const auto publish_until_full = [&] {
    while (broadcaster_->broadcast(testing::make_broadcast(*broadcaster_)) ==
           PublishStatus::accepted)
      ++accepted;
  };
  for (int round = 0; round < 10; ++round) {
    publish_until_full();
    while (broadcaster_->run_turn(0)) {
    }
    log_.commit();  // gives shard 0's credit back; shard 1 has not taken a turn
  }

  EXPECT_LE(accepted, 16) << "the relay queue of shard 1 is not bounded";
  run();
  EXPECT_EQ(broadcaster_->broadcast(testing::make_broadcast(*broadcaster_)),
            PublishStatus::accepted);
}

TEST_F(BroadcasterTest, ServesOtherUsersWhileOneIsFlooded) {
  start({.shards = 1, .mailbox_events_per_turn_max = 10});
  auto [flooded, handle1] = subscribe(alice_);
  auto [other, handle2] = subscribe(bob_);
  run();
  for (int i = 0; i < 1'000; ++i)
    publish(alice_);
  publish(bob_, "me too");

  EXPECT_TRUE(broadcaster_->run_turn(0));

  EXPECT_THAT(other->descriptions(), ElementsAre("me too"));
  EXPECT_THAT(flooded->seen(), SizeIs(10));
  run();
  EXPECT_THAT(flooded->seen(), SizeIs(1'000));
}

TEST_F(BroadcasterTest, WakesASleepingShardOncePerBurst) {
  start({.shards = 1});
  auto [sink, handle] = subscribe(alice_);
  run();
  const auto before = waker_.wakes.load();

  for (int i = 0; i < 100; ++i)
    publish(alice_);

  EXPECT_EQ(waker_.wakes.load(), before + 1);
}

TEST_F(BroadcasterTest, RefusesWithoutKeepingTheEventWhenTheCreditIsUsedUp) {
  start({.shards = 1, .queued_bytes_max = 4'096});
  auto last = event(alice_, "last");
  while (broadcaster_->publish(event(alice_)) == PublishStatus::accepted) {
  }

  EXPECT_EQ(broadcaster_->publish(last), PublishStatus::full);
  ASSERT_TRUE(last) << "a refused event stays with the caller";
  run();
  EXPECT_EQ(broadcaster_->publish(last), PublishStatus::full) << "not durable yet";
  log_.commit();
  EXPECT_EQ(broadcaster_->publish(last), PublishStatus::accepted);
  EXPECT_GE(broadcaster_->metrics().refused_total, 3U);
}

TEST_F(BroadcasterTest, RefusesAFloodedUserOnlyAtItsMailboxsBound) {
  start({.shards = 1, .mailbox_bytes_max = 4'096});
  auto [sink, handle] = subscribe(alice_);
  run();
  while (broadcaster_->publish(event(alice_)) == PublishStatus::accepted) {
  }

  EXPECT_EQ(broadcaster_->publish(event(alice_)), PublishStatus::full);
  EXPECT_EQ(broadcaster_->publish(event(bob_)), PublishStatus::accepted);
}

TEST_F(BroadcasterTest, KeepsTheOrderWhileAUserBecomesBusyAndQuiet) {
  start({.shards = 1});
  auto [sink, handle] = subscribe(alice_);
  run();
  std::vector<std::string> published;
  const auto publish_next = [&] {
    published.push_back(std::to_string(published.size()));
    publish(alice_, published.back());
  };

  for (int round = 0; round < 5; ++round) {
    for (int burst = 0; burst < 3; ++burst) {
      for (int i = 0; i < 5; ++i)
        publish_next();
      static_cast<void>(broadcaster_->run_turn(0));
    }
    for (int single = 0; single < 10; ++single) {
      publish_next();
      static_cast<void>(broadcaster_->run_turn(0));
    }
  }
  run();

  EXPECT_EQ(sink->descriptions(), published);
}

TEST_F(BroadcasterTest, CountsAgainstAUsersBoundWhateverWayItsEventsTake) {
  start({.shards = 1, .mailbox_bytes_max = 65'536});
  auto [sink, handle] = subscribe(alice_);
  run();
  for (int i = 0; i < 8; ++i)  // busy from the next turn on
    publish(alice_);
  static_cast<void>(broadcaster_->run_turn(0));
  const auto before = broadcaster_->metrics().queued_bytes;

  while (broadcaster_->publish(event(alice_)) == PublishStatus::accepted) {
  }

  const auto queued = broadcaster_->metrics().queued_bytes - before;
  EXPECT_LE(queued, 65'536U);
  EXPECT_GE(queued, 65'536U * 3 / 4 - 1'024U);
  EXPECT_EQ(broadcaster_->publish(event(bob_)), PublishStatus::accepted);
}

TEST_F(BroadcasterTest, AcknowledgesAfterTheCommitOnly) {
  start();
  ASSERT_EQ(broadcaster_->publish(event(alice_, "x"), {.sink = &acks_, .token = 42}),
            PublishStatus::accepted);
  run();
  EXPECT_THAT(acks_.acks(), IsEmpty());

  log_.commit();

  const auto acks = acks_.acks();
  ASSERT_THAT(acks, SizeIs(1));
  EXPECT_EQ(acks[0].token, 42U);
  EXPECT_EQ(acks[0].outcome, AckOutcome::durable);
  EXPECT_EQ(acks[0].event->description(), "x");
}

TEST_F(BroadcasterTest, AcknowledgesAtSequencingWhenAsked) {
  start();
  ASSERT_EQ(
      broadcaster_->publish(event(alice_), {.sink = &acks_, .token = 1, .at = AckAt::sequencing}),
      PublishStatus::accepted);

  run();

  ASSERT_THAT(acks_.acks(), SizeIs(1));
  EXPECT_EQ(acks_.acks()[0].outcome, AckOutcome::sequenced);
  EXPECT_NE(acks_.acks()[0].event->sequence(), 0U);
  log_.commit();
  EXPECT_THAT(acks_.acks(), SizeIs(1)) << "one answer only";
}

TEST_F(BroadcasterTest, SaysFailedForWhatTheLogGaveUp) {
  start();
  ASSERT_EQ(broadcaster_->publish(event(alice_), {.sink = &acks_, .token = 1}),
            PublishStatus::accepted);
  run();

  log_.abandon();

  ASSERT_THAT(acks_.acks(), SizeIs(1));
  EXPECT_EQ(acks_.acks()[0].outcome, AckOutcome::failed);
}

TEST_F(BroadcasterTest, GivesAChangeItsPlaceAmongTheUsersEvents) {
  start();
  publish(alice_);
  auto change = std::make_shared<Change>();
  change->user = alice_;
  ASSERT_EQ(broadcaster_->apply(change, {.sink = &acks_, .token = 5}), PublishStatus::accepted);
  publish(alice_);

  run();
  log_.commit();

  const auto acks = acks_.acks();
  ASSERT_THAT(acks, SizeIs(1));
  EXPECT_EQ(acks[0].token, 5U);
  EXPECT_EQ(acks[0].change, change);
  EXPECT_NE(change->sequence, 0U);
}

TEST_F(BroadcasterTest, WithoutALogADurableEventIsAFannedOutOne) {
  start({}, /*with_log=*/false);
  auto [sink, handle] = subscribe(alice_);
  ASSERT_EQ(broadcaster_->publish(event(alice_), {.sink = &acks_, .token = 1}),
            PublishStatus::accepted);

  run();

  EXPECT_THAT(sink->seen(), SizeIs(1));
  ASSERT_THAT(acks_.acks(), SizeIs(1));
  EXPECT_EQ(acks_.acks()[0].outcome, AckOutcome::durable);
  EXPECT_EQ(broadcaster_->metrics().queued_bytes, 0U);
}

TEST_F(BroadcasterTest, RefusesAfterStopAndEndsSubscriptions) {
  start();
  auto [sink, handle] = subscribe(alice_);
  publish(alice_, "accepted before");
  broadcaster_->stop();

  EXPECT_THAT(sink->descriptions(), ElementsAre("accepted before"));
  EXPECT_EQ(sink->ended(), EndReason::stopped);
  EXPECT_EQ(broadcaster_->publish(event(alice_)), PublishStatus::closed);
  auto [late, late_handle] = subscribe(alice_);
  EXPECT_EQ(late->ended(), EndReason::stopped);
}

TEST_F(BroadcasterTest, ReturnsAllEventMemoryOnceNobodyHoldsIt) {
  start();
  {
    auto [sink, handle] = subscribe(alice_);
    for (int i = 0; i < 100; ++i)
      publish(alice_);
    run();
    log_.commit();
    EXPECT_GT(broadcaster_->metrics().event_memory_bytes, 0U);
    handle.cancel();
    run();
  }

  EXPECT_EQ(broadcaster_->metrics().event_memory_bytes, 0U);
  EXPECT_EQ(broadcaster_->metrics().queued_bytes, 0U);
}

TEST(BroadcasterOptionsTest, RefusesOptionsOutOfRange) {
  EXPECT_FALSE(Broadcaster::create({.shards = 100'000}));
  EXPECT_FALSE(Broadcaster::create({.queued_bytes_max = 0}));
  EXPECT_FALSE(Broadcaster::create({.mailbox_events_per_turn_max = 0}));
}

TEST(BroadcasterThreadsTest, RunsItsOwnThreadsWithoutAWaker) {
  auto made = Broadcaster::create({.shards = 2});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  auto sink = std::make_shared<carillon::testing::RecordingSink>();
  auto handle = broadcaster.subscribe(carillon::testing::user(1), sink);

  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(
        broadcaster.publish(carillon::testing::make_event(broadcaster, carillon::testing::user(1))),
        PublishStatus::accepted);

  EXPECT_TRUE(sink->wait_seen(100));
  broadcaster.stop();
  EXPECT_EQ(sink->ended(), EndReason::stopped);
}

}  // namespace
}  // namespace carillon::engine
