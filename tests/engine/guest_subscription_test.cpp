// Subscriptions on another shard than their user's (SubscribeOptions::shard).
#include "tests/engine/turned_broadcaster.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace carillon::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct ResumedSink final : Sink {
  void on_events(const DeliveryBatch& batch) noexcept override {
    for (const auto& delivery : batch.deliveries)
      seen.push_back(delivery.event->description());
  }
  void on_resume() noexcept override { seen.emplace_back("resumed"); }
  std::vector<std::string> seen;
};

class GuestSubscriptionTest : public TurnedBroadcasterTest {
 protected:
  ShardIndex home() { return broadcaster_->shard_of(alice_); }
  ShardIndex other() { return static_cast<ShardIndex>(1 - home()); }
  Subscription subscribe_guest(const std::shared_ptr<testing::RecordingSink>& sink,
                               Filter filter = {}) {
    return broadcaster_->subscribe(alice_, sink, {.filter = std::move(filter), .shard = other()});
  }
  void turn(ShardIndex shard) {
    while (broadcaster_->run_turn(shard)) {
    }
  }
  static std::shared_ptr<testing::RecordingSink> make_sink() {
    return std::make_shared<testing::RecordingSink>();
  }

  struct Guest {
    std::shared_ptr<testing::RecordingSink> sink;
    Subscription handle;
  };
  std::vector<Guest> guests_;
};

TEST_F(GuestSubscriptionTest, GetsTheUsersEventsOnItsOwnShard) {
  start();
  const auto sink = make_sink();
  const auto handle = subscribe_guest(sink);
  run();
  ASSERT_TRUE(sink->started());
  publish(alice_, "a");
  publish(alice_, "b");

  turn(home());
  EXPECT_THAT(sink->descriptions(), IsEmpty());
  turn(other());

  EXPECT_THAT(sink->descriptions(), ElementsAre("a", "b"));
  EXPECT_EQ(sink->batches(), 1);
}

TEST_F(GuestSubscriptionTest, SeesTheSameSequencesAsTheUsersShard) {
  start();
  const auto guest = make_sink();
  const auto own = make_sink();
  const auto handles = std::vector<Subscription>{};
  const auto first = subscribe_guest(guest);
  const auto second = broadcaster_->subscribe(alice_, own);
  run();
  for (const char* text : {"a", "b", "c"})
    publish(alice_, text);
  run();

  ASSERT_EQ(guest->seen().size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(guest->seen()[i].event->sequence(), own->seen()[i].event->sequence());
    EXPECT_EQ(guest->seen()[i].position.user, own->seen()[i].position.user);
  }
}

TEST_F(GuestSubscriptionTest, GetsNothingFromBeforeItsSubscribeAndAllThatFollows) {
  start();
  const auto own = broadcaster_->subscribe(alice_, make_sink());
  const auto sink = make_sink();
  run();
  publish(alice_, "before");
  const auto handle = subscribe_guest(sink);
  publish(alice_, "after");
  run();

  EXPECT_THAT(sink->descriptions(), ElementsAre("after"));
}

TEST_F(GuestSubscriptionTest, EndsBehindWhatWasPublishedBeforeItsCancel) {
  start();
  const auto sink = make_sink();
  auto handle = subscribe_guest(sink);
  publish(alice_, "before");
  handle.cancel();
  publish(alice_, "after");
  run();

  EXPECT_THAT(sink->descriptions(), ElementsAre("before"));
  EXPECT_EQ(sink->ended(), EndReason::cancelled);
  EXPECT_EQ(sink->ends(), 1);
  EXPECT_EQ(broadcaster_->metrics().mailboxes, 0U);
  EXPECT_EQ(broadcaster_->metrics().subscriptions, 0U);
}

TEST_F(GuestSubscriptionTest, KeepsTheMailboxOpenWhileAnyGuestIsThere) {
  start();
  const auto first = make_sink();
  const auto second = make_sink();
  auto gone = subscribe_guest(first);
  const auto stays = subscribe_guest(second);
  run();
  gone.cancel();
  run();
  publish(alice_, "a");
  run();

  EXPECT_THAT(first->descriptions(), IsEmpty());
  EXPECT_THAT(second->descriptions(), ElementsAre("a"));
  EXPECT_EQ(broadcaster_->metrics().mailboxes, 1U);
}

TEST_F(GuestSubscriptionTest, ComesBackAfterItsGroupHasEnded) {
  start();
  for (int round = 0; round < 3; ++round) {
    const auto sink = make_sink();
    auto handle = subscribe_guest(sink);
    publish(alice_, "a");
    handle.cancel();
    run();
    EXPECT_THAT(sink->descriptions(), ElementsAre("a"));
  }
}

TEST_F(GuestSubscriptionTest, AppliesItsFilter) {
  start();
  const auto sink = make_sink();
  const auto handle = subscribe_guest(sink, {.search = "b"});
  publish(alice_, "a");
  publish(alice_, "b");
  run();

  EXPECT_THAT(sink->descriptions(), ElementsAre("b"));
}

TEST_F(GuestSubscriptionTest, GetsBroadcastsOnceWithItsUsersPosition) {
  start();
  const auto sink = make_sink();
  const auto handle = subscribe_guest(sink);
  publish(alice_, "a");
  run();
  ASSERT_EQ(broadcaster_->publish(testing::make_broadcast(*broadcaster_, "all")),
            PublishStatus::accepted);
  run();

  ASSERT_THAT(sink->descriptions(), ElementsAre("a", "all"));
  EXPECT_EQ(sink->seen()[1].position.user, sink->seen()[0].position.user);
  EXPECT_EQ(sink->seen()[1].position.broadcast, sink->seen()[1].event->sequence());
}

TEST_F(GuestSubscriptionTest, IsResumedBehindWhatWasPublishedBefore) {
  start();
  const auto sink = std::make_shared<ResumedSink>();
  auto handle = broadcaster_->subscribe(alice_, sink, {.shard = other()});
  run();
  publish(alice_, "a");
  handle.resume();
  publish(alice_, "b");
  run();

  EXPECT_THAT(sink->seen, ElementsAre("a", "resumed", "b"));
}

// Its join is the same node, still queued.
TEST_F(GuestSubscriptionTest, IsResumedOnceWhenThatWasAskedBeforeItStarted) {
  start();
  const auto sink = std::make_shared<ResumedSink>();
  auto handle = broadcaster_->subscribe(alice_, sink, {.shard = other()});
  publish(alice_, "a");
  handle.resume();
  handle.resume();
  run();
  EXPECT_THAT(sink->seen, ElementsAre("a", "resumed"));
  handle.resume();
  run();

  EXPECT_THAT(sink->seen, ElementsAre("a", "resumed", "resumed"));
}

TEST_F(GuestSubscriptionTest, IsNotResumedWhenItIsCancelledBeforeItStarted) {
  start();
  const auto sink = std::make_shared<ResumedSink>();
  auto handle = broadcaster_->subscribe(alice_, sink, {.shard = other()});
  publish(alice_, "a");
  handle.resume();
  handle.cancel();
  publish(alice_, "b");
  run();

  EXPECT_THAT(sink->seen, ElementsAre("a"));
}

TEST_F(GuestSubscriptionTest, HoldsItsUsersEventsBackWhenItsShardIsBehind) {
  start({.queued_bytes_max = 16'384}, false);
  const auto sink = make_sink();
  const auto handle = subscribe_guest(sink);
  run();
  int accepted = 0;
  // The home shard's turns go on, the other's do not.
  while (accepted < 1'000 && broadcaster_->publish(event(alice_, "a")) == PublishStatus::accepted) {
    ++accepted;
    static_cast<void>(broadcaster_->run_turn(home()));
  }

  EXPECT_LT(accepted, 100);
  run();
  EXPECT_EQ(sink->seen().size(), static_cast<std::size_t>(accepted));
  EXPECT_EQ(broadcaster_->publish(event(alice_, "a")), PublishStatus::accepted);
}

TEST_F(GuestSubscriptionTest, GetsEverythingAcceptedBeforeTheBroadcasterStops) {
  start();
  const auto sink = make_sink();
  const auto handle = subscribe_guest(sink);
  publish(alice_, "a");
  turn(home());  // on its way to the other shard
  publish(alice_, "b");
  broadcaster_->stop();

  EXPECT_THAT(sink->descriptions(), ElementsAre("a", "b"));
  EXPECT_EQ(sink->ended(), EndReason::stopped);
  EXPECT_EQ(sink->ends(), 1);
}

TEST_F(GuestSubscriptionTest, GetsWhatOnlyStopHandsOverWhicheverShardIsItsUsers) {
  start();
  for (const auto& user : {alice_, other_shard_than(alice_)}) {
    const auto guest = static_cast<ShardIndex>(1 - broadcaster_->shard_of(user));
    guests_.push_back({make_sink(), {}});
    guests_.back().handle = broadcaster_->subscribe(user, guests_.back().sink, {.shard = guest});
    run();
    publish(user, "a");
  }
  // Nobody has run a turn since the last event; the first one's guest has heard of its own.
  publish(alice_, "b");
  broadcaster_->stop();

  EXPECT_THAT(guests_[0].sink->descriptions(), ElementsAre("a", "b"));
  EXPECT_THAT(guests_[1].sink->descriptions(), ElementsAre("a"));
}

// What the shard's thread handed over, and what the thread of stop() does, have no
// common order in the queue between the shards.
TEST_F(GuestSubscriptionTest, GetsWhatAnotherThreadHandedOverBeforeWhatStopHandsOver) {
  start();
  const auto sink = make_sink();
  const auto handle = subscribe_guest(sink);
  publish(alice_, "a");
  std::thread{[this] { turn(home()); }}.join();
  publish(alice_, "b");
  broadcaster_->stop();

  EXPECT_THAT(sink->descriptions(), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace carillon::engine
