// verify_store of a PostgreSQL database: beside its server, and each kind of damage named.
#include "carillon/persistence/verify_store.hpp"
#include "tests/persistence/shared_postgres.hpp"
#include "tests/persistence/store_fixture.hpp"

namespace carillon::testing {
namespace {

using engine::Errc;
using engine::make_error_code;
using persistence::StoreFault;
using persistence::StoreFindings;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const engine::UserId alice = numbered(1);
const std::string alice_text = to_string(alice);

class VerifyPostgresTest : public StoreTest {
 protected:
  void SetUp() override {
    open(fresh_store(StoreKind::postgresql, dir_));
    next_ = store_->origin().first_sequence;
    for (int i = 0; i < 10; ++i)
      events_.push_back(publish({.owner = alice, .category = i % 2 == 0 ? "pattern" : "audit"}));
    broadcast_ = publish({.owner = nobody});
    mark(alice, {events_[1]->id(), broadcast_->id()});
    remove(alice, {events_[2]->id()});
    remove(numbered(2), {broadcast_->id()});
  }

  void sql(const std::string& text) { PostgresServer::execute_at(options_.url, text); }
  std::vector<std::string> verify() {
    std::vector<std::string> faults;
    auto found = persistence::verify_store(options_.url, [&](const StoreFault& fault) {
      faults.push_back(fault.where + " " + fault.what);
    });
    EXPECT_TRUE(found) << found.error().text();
    if (found) found_ = *std::move(found);
    EXPECT_EQ(found_.faults, faults.size());
    return faults;
  }

  std::vector<engine::EventRef> events_;
  engine::EventRef broadcast_;
  StoreFindings found_;
};

TEST_F(VerifyPostgresTest, FindsNoFaultInAStoreThatIsServed) {
  EXPECT_THAT(verify(), IsEmpty());

  EXPECT_EQ(found_.users, 2U);
  EXPECT_EQ(found_.events, 10U);
  EXPECT_EQ(found_.broadcasts, 1U);
  EXPECT_EQ(found_.deleted, 1U);
  EXPECT_EQ(found_.marks, 2U);
  EXPECT_GT(found_.bytes, 0U);
}

TEST_F(VerifyPostgresTest, NamesACountThatIsWrongOrMissing) {
  sql("UPDATE carillon.counts SET unread = unread + 2 WHERE category = 'audit'");
  sql("DELETE FROM carillon.counts WHERE user_id = '" + alice_text +
      "' AND category = 'pattern' AND read = 0");

  EXPECT_THAT(verify(), Contains(AllOf(HasSubstr("counts of user " + alice_text),
                                       HasSubstr("audit/deploy"), HasSubstr("says 6 unread"))));
}

TEST_F(VerifyPostgresTest, NamesAMarkOfNoBroadcast) {
  sql("UPDATE carillon.marks SET sequence = 7 WHERE user_id = '" + alice_text + "'");

  EXPECT_THAT(verify(), Contains(AllOf(HasSubstr("marks of user " + alice_text + ", sequence 7"),
                                       HasSubstr("no broadcast"))));
}

TEST_F(VerifyPostgresTest, NamesSequencesBeyondWhatWasReserved) {
  sql("UPDATE carillon.meta SET reserved_until = 3");

  EXPECT_THAT(verify(), Contains(HasSubstr("beyond the reserved")));
}

TEST_F(VerifyPostgresTest, NamesAValueThatNoEventHas) {
  sql("UPDATE carillon.events SET severity = 9 WHERE id = '" + to_string(events_[3]->id()) + "'");

  EXPECT_THAT(verify(), Contains(HasSubstr("holds a value that no event has")));
}

TEST_F(VerifyPostgresTest, RefusesADatabaseWithoutAStore) {
  const auto empty = fresh_store(StoreKind::postgresql, dir_);

  const auto found = persistence::verify_store(empty.url, [](const StoreFault&) {});

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, make_error_code(Errc::not_found));
}

}  // namespace
}  // namespace carillon::testing
