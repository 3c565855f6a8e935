#include "tests/engine/turned_broadcaster.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

namespace carillon::engine {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BatchPublishTest : public TurnedBroadcasterTest {
 protected:
  std::vector<NewEvent> batch(const UserId& owner, int count) {
    std::vector<NewEvent> events;
    for (int i = 0; i < count; ++i)
      events.push_back(event(owner, std::to_string(i)));
    return events;
  }
  void fill_credit_of(const UserId& owner) {
    while (broadcaster_->publish(event(owner)) == PublishStatus::accepted) {
    }
  }
  [[nodiscard]] std::uint64_t queued_bytes() const { return broadcaster_->metrics().queued_bytes; }
  static bool all_left(const std::vector<NewEvent>& events) {
    return std::ranges::all_of(events, [](const auto& event) { return static_cast<bool>(event); });
  }
};

TEST_F(BatchPublishTest, DeliversAllEventsOfAnOwnerInTheirOrder) {
  start();
  auto [sink, handle] = subscribe(alice_);
  auto events = batch(alice_, 5);

  ASSERT_EQ(broadcaster_->publish_all(events), PublishStatus::accepted);
  run();

  EXPECT_THAT(sink->descriptions(), ElementsAre("0", "1", "2", "3", "4"));
  EXPECT_TRUE(std::ranges::none_of(events, [](const auto& event) { return bool{event}; }));
}

TEST_F(BatchPublishTest, PublishesForSeveralOwnersAndShardsAndForEveryone) {
  start({.shards = 2});
  const auto carol = other_shard_than(alice_);
  const auto unheard = testing::user(200);
  auto [a, handle1] = subscribe(alice_);
  auto [c, handle2] = subscribe(carol);
  run();
  std::vector<NewEvent> events;
  events.push_back(event(alice_, "a1"));
  events.push_back(event(carol, "c1"));
  events.push_back(event(unheard, "u1"));
  events.push_back(event(alice_, "a2"));
  events.push_back(event(carol, "c2"));
  events.push_back(testing::make_broadcast(*broadcaster_, "all"));

  ASSERT_EQ(broadcaster_->publish_all(events), PublishStatus::accepted);
  run();

  const auto without_broadcast = [](std::vector<std::string> texts) {
    std::erase(texts, "all");
    return texts;
  };
  EXPECT_THAT(without_broadcast(a->descriptions()), ElementsAre("a1", "a2"));
  EXPECT_THAT(without_broadcast(c->descriptions()), ElementsAre("c1", "c2"));
  EXPECT_THAT(a->descriptions(), ::testing::Contains("all"));
  EXPECT_THAT(c->descriptions(), ::testing::Contains("all"));
  EXPECT_THAT(log_.pending_sequences(), SizeIs(6));
  log_.commit();
  EXPECT_EQ(queued_bytes(), 0U) << "what was taken for the batch is given back event by event";
}

TEST_F(BatchPublishTest, AcknowledgesEachEventWithTheBatchsTokenAndItself) {
  start();
  auto events = batch(alice_, 3);
  std::vector<const Event*> published;
  for (const auto& event : events)
    published.push_back(&*event);

  ASSERT_EQ(broadcaster_->publish_all(events, {.sink = &acks_, .token = 7}),
            PublishStatus::accepted);
  run();
  log_.commit();

  std::vector<const Event*> acknowledged;
  for (const auto& ack : acks_.acks()) {
    EXPECT_EQ(ack.token, 7U);
    EXPECT_EQ(ack.outcome, AckOutcome::durable);
    acknowledged.push_back(ack.event.get());
  }
  EXPECT_EQ(acknowledged, published);
}

TEST_F(BatchPublishTest, PublishesNothingIfOneOfItsShardsIsFull) {
  start({.shards = 2, .queued_bytes_max = 8'192});
  const auto carol = other_shard_than(alice_);
  for (const auto& full : {alice_, carol}) {
    fill_credit_of(full);
    run();  // fanned out, not durable: the credit stays taken
    const auto before = queued_bytes();
    const auto stored_before = log_.pending_sequences().size();
    auto [a, handle1] = subscribe(alice_);
    auto [c, handle2] = subscribe(carol);
    std::vector<NewEvent> events;
    for (const auto& owner : {alice_, carol, alice_, carol})
      events.push_back(event(owner));

    EXPECT_EQ(broadcaster_->publish_all(events, {.sink = &acks_}), PublishStatus::full);
    run();

    EXPECT_TRUE(all_left(events));
    EXPECT_EQ(queued_bytes(), before);
    EXPECT_THAT(a->seen(), IsEmpty());
    EXPECT_THAT(c->seen(), IsEmpty());
    EXPECT_THAT(acks_.acks(), IsEmpty());
    EXPECT_EQ(log_.pending_sequences().size(), stored_before);
    log_.commit();
    EXPECT_EQ(broadcaster_->publish_all(events), PublishStatus::accepted) << "can be tried again";
    run();
    log_.commit();
  }
}

TEST_F(BatchPublishTest, IsRefusedIfTheSumExceedsTheCreditThoughEachEventFits) {
  start({.shards = 1, .queued_bytes_max = 8'192});
  publish(alice_);
  auto events = batch(alice_, 100);

  EXPECT_EQ(broadcaster_->publish_all(events), PublishStatus::full);

  EXPECT_TRUE(all_left(events));
  run();
  log_.commit();
  EXPECT_EQ(broadcaster_->publish_all(events), PublishStatus::accepted)
      << "alone it passes, as one large event does";
}

TEST_F(BatchPublishTest, IsRefusedAsAWholeIfOneMailboxIsFull) {
  start({.shards = 1, .mailbox_bytes_max = 4'096});
  auto [a, handle1] = subscribe(alice_);
  auto [b, handle2] = subscribe(bob_);
  run();
  fill_credit_of(alice_);
  const auto before = queued_bytes();
  const auto refused_before = broadcaster_->metrics().refused_total;
  std::vector<NewEvent> events;
  events.push_back(event(bob_));
  events.push_back(event(alice_));

  EXPECT_EQ(broadcaster_->publish_all(events), PublishStatus::full);

  EXPECT_TRUE(all_left(events));
  EXPECT_EQ(queued_bytes(), before);
  EXPECT_EQ(broadcaster_->metrics().refused_total, refused_before + 1);
  run();
  EXPECT_THAT(b->seen(), IsEmpty());
}

TEST_F(BatchPublishTest, MayExceedAMailboxsBoundByItself) {
  start({.shards = 1, .mailbox_bytes_max = 4'096});
  auto [sink, handle] = subscribe(alice_);
  run();
  auto events = batch(alice_, 50);

  ASSERT_EQ(broadcaster_->publish_all(events), PublishStatus::accepted);

  EXPECT_EQ(broadcaster_->publish(event(alice_)), PublishStatus::full);
  auto more = batch(alice_, 1);
  EXPECT_EQ(broadcaster_->publish_all(more), PublishStatus::full);
  run();
  EXPECT_THAT(sink->seen(), SizeIs(50));
  EXPECT_EQ(broadcaster_->publish_all(more), PublishStatus::accepted);
}

TEST_F(BatchPublishTest, HoldsABatchWithABroadcastBackWhileAShardFallsBehind) {
  start({.shards = 2, .queued_bytes_max = 4'096});
  const auto of_shard_0 = broadcaster_->shard_of(alice_) == 0 ? alice_ : other_shard_than(alice_);
  PublishStatus status = PublishStatus::accepted;
  for (int round = 0; round < 100 && status == PublishStatus::accepted; ++round) {
    status = broadcaster_->broadcast(testing::make_broadcast(*broadcaster_));
    while (broadcaster_->run_turn(0)) {
    }
    log_.commit();  // gives shard 0's credit back; shard 1 has not taken a turn
  }
  ASSERT_EQ(status, PublishStatus::full);
  std::vector<NewEvent> events;
  events.push_back(event(of_shard_0));
  events.push_back(testing::make_broadcast(*broadcaster_));

  EXPECT_EQ(broadcaster_->publish_all(events), PublishStatus::full);
  EXPECT_TRUE(all_left(events));
  EXPECT_EQ(queued_bytes(), 0U);

  run();
  EXPECT_EQ(broadcaster_->publish_all(events), PublishStatus::accepted);
}

TEST_F(BatchPublishTest, AnswersTheSecondOfTwoEqualIdsWithTheFirst) {
  start();
  const auto id = make_uuid_v7();
  std::vector<NewEvent> events;
  for (const char* text : {"first", "second"})
    events.push_back(
        std::move(*testing::event_for(*broadcaster_, alice_, text).with_id(id).build()));
  events.push_back(event(alice_, "other"));

  ASSERT_EQ(broadcaster_->publish_all(events, {.sink = &acks_, .token = 1}),
            PublishStatus::accepted);
  run();
  log_.answer_lookups();
  run();
  log_.commit();
  run();

  const auto acks = acks_.acks();
  ASSERT_THAT(acks, SizeIs(3));
  EXPECT_EQ(std::ranges::count(acks, AckOutcome::durable, &Ack::outcome), 2);
  const auto duplicate = std::ranges::find(acks, AckOutcome::duplicate, &Ack::outcome);
  ASSERT_NE(duplicate, acks.end());
  EXPECT_THAT(duplicate->first_json, ::testing::HasSubstr("\"description\":\"first\""));
  EXPECT_EQ(queued_bytes(), 0U);
}

TEST_F(BatchPublishTest, AcceptsAnEmptyBatchAndRefusesAllAfterStop) {
  start();
  EXPECT_EQ(broadcaster_->publish_all({}), PublishStatus::accepted);
  auto events = batch(alice_, 2);
  broadcaster_->stop();

  EXPECT_EQ(broadcaster_->publish_all(events), PublishStatus::closed);
  EXPECT_TRUE(all_left(events));
}

}  // namespace
}  // namespace carillon::engine
