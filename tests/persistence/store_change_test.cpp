// What status changes and deletions do, in every kind of store.
#include "tests/persistence/store_fixture.hpp"

namespace carillon::testing {
namespace {

using engine::Change;
using engine::Filter;
using engine::Position;
using engine::Severity;
using engine::Status;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const engine::UserId alice = numbered(1);
const engine::UserId bob = numbered(2);

class StoreChangeTest : public StoreConformanceTest {};
INSTANTIATE_TEST_SUITE_P(Stores, StoreChangeTest, ::testing::ValuesIn(kinds_under_test()));

TEST_P(StoreChangeTest, MarksAnEventAndSaysWhen) {
  const auto event = publish({.owner = alice});

  EXPECT_THAT(mark(alice, {event->id()}), ElementsAre(event->id()));

  const auto json = *store_->get(alice, event->id());
  EXPECT_THAT(json, HasSubstr("\"status\":\"read\""));
  EXPECT_THAT(json, HasSubstr("\"updatedAt\":\"1970-01-01T00:00:00.002000Z\""));
  EXPECT_EQ(list({.user = alice}).read_count, 1U);
}

TEST_P(StoreChangeTest, AffectsEachExistingIdOnceAndNoOther) {
  const auto own = publish({.owner = alice});
  const auto foreign = publish({.owner = bob});
  const auto broadcast = publish({.owner = nobody});

  EXPECT_THAT(
      mark(alice, {own->id(), foreign->id(), own->id(), engine::make_uuid_v4(), broadcast->id()}),
      ElementsAre(own->id(), broadcast->id()));
  EXPECT_EQ(list({.user = alice}).read_count, 2U);
  EXPECT_EQ(list({.user = bob}).read_count, 0U);
}

TEST_P(StoreChangeTest, AStatusThatIsThereAlreadyCountsAsAffectedAndChangesNothing) {
  const auto event = publish({.owner = alice});

  EXPECT_THAT(mark(alice, {event->id()}, Status::unread), ElementsAre(event->id()));

  EXPECT_EQ(*store_->get(alice, event->id()), event->json());
  EXPECT_EQ(list({.user = alice}).read_count, 0U);
}

TEST_P(StoreChangeTest, ADeletedEventIsGoneForEveryReadAndChange) {
  const auto event = publish({.owner = alice});
  EXPECT_THAT(remove(alice, {event->id()}), ElementsAre(event->id()));

  EXPECT_THAT(remove(alice, {event->id()}), IsEmpty());
  EXPECT_THAT(mark(alice, {event->id()}), IsEmpty());
  EXPECT_FALSE(store_->get(alice, event->id()));
  EXPECT_EQ(list({.user = alice}).total_count, 0U);
  EXPECT_EQ(store_->aggregate(alice)->total, 0U);
}

TEST_P(StoreChangeTest, ABroadcastIsReadOrDeletedByEachUserAlone) {
  const auto first = publish({.owner = nobody, .severity = Severity::alert});
  const auto second = publish({.owner = nobody, .severity = Severity::alert});
  mark(alice, {first->id()});
  remove(bob, {first->id(), second->id()});

  const auto alert = static_cast<std::size_t>(Severity::alert);
  EXPECT_EQ(list({.user = alice}).count_by_severity[alert], 1U);
  EXPECT_EQ(list({.user = alice}).total_count, 2U);
  EXPECT_EQ(list({.user = bob}).total_count, 0U);
  EXPECT_EQ(list({.user = numbered(3)}).count_by_severity[alert], 2U);
}

TEST_P(StoreChangeTest, ABulkChangeReachesWhatPassesItsFilterUpToAPosition) {
  publish({.owner = alice, .category = "a"});
  publish({.owner = nobody, .category = "a"});
  publish({.owner = alice, .category = "b"});
  publish({.owner = alice, .category = "a"});
  publish({.owner = nobody, .category = "a"});
  Filter filter;
  filter.categories = {"a"};

  const auto affected =
      apply({.user = alice, .filter = filter, .up_to = Position{.user = 102, .broadcast = 104}});

  EXPECT_THAT(affected, SizeIs(3));
  filter.status = Status::unread;
  EXPECT_THAT(listed({.user = alice, .filter = filter}), ElementsAre(103));
}

TEST_P(StoreChangeTest, ABulkChangeWithoutPositionReachesWhatCameBeforeIt) {
  auto batch = std::vector<engine::LogEntry>{};
  batch.push_back(entry(EventSpec{.owner = alice}));
  batch.push_back(entry(Change{.user = alice, .filter = Filter{}}));
  batch.push_back(entry(EventSpec{.owner = alice}));
  commit(batch);

  EXPECT_THAT(batch[1].change->affected, ElementsAre(batch[0].event->id()));
  Filter unread;
  unread.status = Status::unread;
  EXPECT_THAT(listed({.user = alice, .filter = unread}), ElementsAre(102));
}

TEST_P(StoreChangeTest, AChangeWithNeitherIdsNorFilterAffectsNothing) {
  publish({.owner = alice});

  EXPECT_THAT(apply({.kind = Change::Kind::remove, .user = alice}), IsEmpty());
  EXPECT_EQ(list({.user = alice}).total_count, 1U);
}

TEST_P(StoreChangeTest, EntriesOfOneBatchSeeThoseBeforeThem) {
  auto batch = std::vector<engine::LogEntry>{};
  batch.push_back(entry(EventSpec{.owner = alice}));
  const auto id = batch[0].event->id();
  batch.push_back(entry(Change{.user = alice, .ids = {id}}));
  batch.push_back(entry(Change{.user = alice, .status = Status::unread, .ids = {id}}));
  batch.push_back(entry(Change{.user = alice, .status = Status::read, .filter = Filter{}}));
  batch.push_back(entry(Change{.kind = Change::Kind::remove, .user = alice, .ids = {id}}));
  batch.push_back(entry(Change{.user = alice, .ids = {id}}));
  commit(batch);

  for (std::size_t i = 1; i <= 4; ++i)
    EXPECT_THAT(batch[i].change->affected, ElementsAre(id)) << i;
  EXPECT_THAT(batch[5].change->affected, IsEmpty());
  const auto page = list({.user = alice});
  EXPECT_EQ(page.total_count, 0U);
  EXPECT_EQ(page.cursor.position.user, 105U);
}

TEST_P(StoreChangeTest, KeepsTheFirstOfTwoEventsWithOneIdOfOneOwner) {
  const auto first = publish({.owner = alice, .description = "first"});
  auto batch = std::vector<engine::LogEntry>{};
  batch.push_back(entry(EventSpec{.owner = alice, .id = first->id()}));
  const auto fresh = engine::make_uuid_v4();
  batch.push_back(entry(EventSpec{.owner = alice, .id = fresh}));
  batch.push_back(entry(EventSpec{.owner = alice, .id = fresh}));
  batch.push_back(entry(EventSpec{.owner = bob, .id = fresh}));
  commit(batch);

  EXPECT_EQ(*store_->get(alice, first->id()), first->json());
  EXPECT_THAT(listed({.user = alice, .descending = false}), ElementsAre(100, 102));
  EXPECT_EQ(list({.user = alice}).total_count, 2U);
  EXPECT_EQ(list({.user = bob}).total_count, 1U);
}

// An id of ours is heard live before it is committed; then it may come back as a
// publisher's, in the same batch.
TEST_P(StoreChangeTest, KeepsTheFirstAlsoIfItsIdWasOurs) {
  auto batch = std::vector<engine::LogEntry>{};
  batch.push_back(entry(EventSpec{.owner = alice, .description = "first"}));
  const auto first = batch.back().event;
  batch.push_back(entry(EventSpec{.owner = bob}));
  batch.push_back(entry(EventSpec{.owner = bob, .id = first->id()}));
  batch.push_back(entry(EventSpec{.owner = alice, .id = first->id()}));
  commit(batch);

  EXPECT_THAT(listed({.user = alice}), ElementsAre(100));
  EXPECT_EQ(list({.user = bob}).total_count, 2U);
  EXPECT_EQ(*store_->get(alice, first->id()), first->json());
}

TEST_P(StoreChangeTest, AUserAndAnEventMayHaveTheSameUuid) {
  const auto of_alice = publish({.owner = alice, .id = bob});
  const auto of_bob = publish({.owner = bob, .id = alice});

  EXPECT_EQ(*store_->get(alice, bob), of_alice->json());
  EXPECT_EQ(*store_->get(bob, alice), of_bob->json());
  EXPECT_FALSE(store_->get(alice, alice));
}

TEST_P(StoreChangeTest, CommitsNothingAtAllWithoutComplaint) {
  EXPECT_TRUE(store_->commit({}));
  EXPECT_TRUE(store_->health().writable);
}

}  // namespace
}  // namespace carillon::testing
