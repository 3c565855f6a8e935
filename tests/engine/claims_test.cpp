// A publisher's own id: what is published twice changes nothing and is answered
// with the first event.
#include "tests/engine/turned_broadcaster.hpp"

#include <gmock/gmock.h>

#include <string>

namespace carillon::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ClaimsTest : public TurnedBroadcasterTest {
 protected:
  void publish_with_id(const UserId& owner, std::string_view description, std::uint64_t token) {
    auto built = testing::event_for(*broadcaster_, owner, description).with_id(id_).build();
    ASSERT_TRUE(built);
    ASSERT_EQ(broadcaster_->publish(*built, {.sink = &acks_, .token = token}),
              PublishStatus::accepted);
  }

  const EventId id_ = make_uuid_v4();
};

TEST_F(ClaimsTest, PublishesAnIdThatIsNotKnown) {
  start();
  auto [sink, handle] = subscribe(alice_);
  publish_with_id(alice_, "first", 1);
  run();
  EXPECT_THAT(sink->descriptions(), IsEmpty()) << "not before the store was asked";

  log_.answer_lookups();
  run();
  log_.commit();

  EXPECT_THAT(sink->descriptions(), ElementsAre("first"));
  ASSERT_THAT(acks_.acks(), SizeIs(1));
  EXPECT_EQ(acks_.acks()[0].outcome, AckOutcome::durable);
}

TEST_F(ClaimsTest, AnswersACommittedIdWithTheFirstEvent) {
  start();
  auto [sink, handle] = subscribe(alice_);
  publish_with_id(alice_, "first", 1);
  run();
  log_.answer_lookups();
  run();
  log_.commit();
  run();

  publish_with_id(alice_, "second", 2);
  run();
  log_.answer_lookups();
  run();

  EXPECT_THAT(sink->descriptions(), ElementsAre("first"));
  const auto acks = acks_.acks();
  ASSERT_THAT(acks, SizeIs(2));
  EXPECT_EQ(acks[1].outcome, AckOutcome::duplicate);
  EXPECT_EQ(acks[1].token, 2U);
  EXPECT_THAT(acks[1].first_json, HasSubstr("\"first\""));
  EXPECT_EQ(broadcaster_->metrics().queued_bytes, 0U);
}

TEST_F(ClaimsTest, HoldsASecondPublishUntilTheFirstIsDurable) {
  start();
  publish_with_id(alice_, "first", 1);
  publish_with_id(alice_, "while it is looked up", 2);
  run();
  log_.answer_lookups();
  run();
  publish_with_id(alice_, "while it is written", 3);
  run();
  EXPECT_THAT(acks_.acks(), IsEmpty());

  log_.commit();
  run();

  const auto acks = acks_.acks();
  ASSERT_THAT(acks, SizeIs(3));
  EXPECT_EQ(acks[0].outcome, AckOutcome::durable);
  EXPECT_EQ(acks[1].outcome, AckOutcome::duplicate);
  EXPECT_EQ(acks[2].outcome, AckOutcome::duplicate);
  EXPECT_THAT(acks[2].first_json, HasSubstr("\"first\""));
  EXPECT_EQ(log_.pending_sequences().size(), 0U);
}

TEST_F(ClaimsTest, KeepsTheSameIdOfTwoUsersApart) {
  start();
  publish_with_id(alice_, "alice's", 1);
  publish_with_id(bob_, "bob's", 2);
  run();
  log_.answer_lookups();
  run();
  log_.commit();

  ASSERT_THAT(acks_.acks(), SizeIs(2));
  EXPECT_EQ(acks_.acks()[0].outcome, AckOutcome::durable);
  EXPECT_EQ(acks_.acks()[1].outcome, AckOutcome::durable);
}

TEST_F(ClaimsTest, TellsTheWaitersWhenTheFirstIsNeverDurable) {
  start();
  publish_with_id(alice_, "first", 1);
  publish_with_id(alice_, "second", 2);
  run();
  log_.answer_lookups();
  run();

  log_.abandon();
  run();

  const auto acks = acks_.acks();
  ASSERT_THAT(acks, SizeIs(2));
  EXPECT_EQ(acks[0].outcome, AckOutcome::failed);
  EXPECT_EQ(acks[1].outcome, AckOutcome::failed)
      << "nothing with this id is in the store, so it is no duplicate";
}

TEST_F(ClaimsTest, TellsTheWaitersWhenTheBroadcasterStops) {
  start();
  publish_with_id(alice_, "first", 1);
  publish_with_id(alice_, "second", 2);
  run();
  log_.answer_lookups();
  run();

  broadcaster_->stop();
  log_.commit();

  const auto acks = acks_.acks();
  ASSERT_THAT(acks, SizeIs(2));
  EXPECT_EQ(acks[0].token, 2U);
  EXPECT_EQ(acks[0].outcome, AckOutcome::failed);
  EXPECT_EQ(acks[1].outcome, AckOutcome::durable);
}

TEST_F(ClaimsTest, RefusesWhatTheStoreCannotLookUpInsteadOfRiskingADuplicate) {
  start();
  auto [sink, handle] = subscribe(alice_);
  log_.find_fails = true;
  publish_with_id(alice_, "first", 1);
  run();
  log_.answer_lookups();
  run();

  ASSERT_THAT(acks_.acks(), SizeIs(1));
  EXPECT_EQ(acks_.acks()[0].outcome, AckOutcome::failed);
  EXPECT_THAT(sink->descriptions(), IsEmpty());
  EXPECT_EQ(broadcaster_->metrics().queued_bytes, 0U);
}

}  // namespace
}  // namespace carillon::engine
