// What only the store in memory has: a bound on its history.
#include "tests/persistence/store_fixture.hpp"

namespace carillon::testing {
namespace {

using ::testing::IsEmpty;

const engine::UserId alice = numbered(1);
const engine::UserId bob = numbered(2);

class MemoryStoreTest : public StoreTest {
 protected:
  /// Room for about ten small events.
  void SetUp() override { open({.url = "memory:", .memory_bytes_max = 6'000}); }
};

TEST_F(MemoryStoreTest, ForgetsTheOldestEventsBeyondItsBound) {
  const auto first = publish({.owner = alice});
  for (int i = 0; i < 30; ++i)
    publish({.owner = i % 2 == 0 ? alice : bob});

  const auto of_alice = list({.user = alice});
  EXPECT_LT(of_alice.total_count, 10U);
  EXPECT_GT(of_alice.total_count, 2U);
  EXPECT_EQ(of_alice.total_count, of_alice.events.size());
  EXPECT_EQ(listed({.user = alice}).front(), 129U);
  EXPECT_FALSE(store_->get(alice, first->id()));
  EXPECT_FALSE(*store_->find_by_id(alice, first->id()));
}

TEST_F(MemoryStoreTest, ForgetsAnEventWithItsStatesCountsAndKinds) {
  const auto read = publish({.owner = alice, .category = "old"});
  const auto broadcast = publish({.owner = nobody, .category = "old"});
  const auto deleted = publish({.owner = nobody, .category = "old"});
  mark(alice, {read->id(), broadcast->id()});
  mark(bob, {broadcast->id()});
  apply({.kind = engine::Change::Kind::remove, .user = bob, .ids = {deleted->id()}});
  for (int i = 0; i < 30; ++i)
    publish({.owner = numbered(9)});

  for (const auto& user : {alice, bob}) {
    const auto page = list({.user = user});
    EXPECT_EQ(page.total_count, 0U);
    EXPECT_EQ(page.read_count, 0U);
    EXPECT_EQ(store_->aggregate(user)->total, 0U);
    EXPECT_THAT(*store_->kinds(user), IsEmpty());
  }
}

TEST_F(MemoryStoreTest, KeepsCountsThatAgreeWithItsListsUnderPressure) {
  for (int i = 0; i < 200; ++i) {
    const auto event = publish({.owner = i % 3 == 0 ? nobody : alice});
    if (i % 2 == 0) mark(alice, {event->id()});
    if (i % 5 == 0) remove(bob, {event->id()});
    for (const auto& user : {alice, bob}) {
      const auto page = list({.user = user, .page_size = 1'000});
      engine::Filter read;
      read.status = engine::Status::read;
      ASSERT_EQ(page.total_count, page.events.size());
      ASSERT_EQ(page.read_count, listed({.user = user, .filter = read, .page_size = 1'000}).size());
      ASSERT_EQ(store_->aggregate(user)->total, page.total_count);
    }
  }
}

TEST_F(MemoryStoreTest, IsANewStoreInEachLife) {
  publish({.owner = alice});
  const auto epoch = store_->origin().epoch;

  reopen();

  EXPECT_NE(store_->origin().epoch, epoch);
  EXPECT_EQ(store_->origin().first_sequence, 1U);
  EXPECT_EQ(list({.user = alice}).total_count, 0U);
}

}  // namespace
}  // namespace carillon::testing
