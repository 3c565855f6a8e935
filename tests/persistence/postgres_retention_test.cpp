// Retention where only PostgreSQL can fail: connections and servers that are lost in it, and
// sums that SQL keeps.
#include "tests/persistence/postgres_fixture.hpp"

#include <libpq-fe.h>

#include <memory>
#include <thread>

namespace carillon::testing {
namespace {

using engine::Change;
using engine::Errc;
using engine::make_error_code;
using persistence::RemovalReason;
using persistence::RetentionStep;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const engine::UserId alice = numbered(1);
const engine::UserId bob = numbered(2);
constexpr std::int64_t day_us = 1'700'000'000'000'000;
constexpr std::int64_t second_us = 1'000'000;

class PostgresRetentionTest : public PostgresTest {
 protected:
  void publish_ten() {
    for (int i = 0; i < 10; ++i) {
      const auto at = day_us + i * second_us;
      publish({.owner = i % 2 == 0 ? alice : bob, .id = id_made_at(at), .created_at_us = at});
    }
  }
  /// As the write-behind does.
  void retain_at_last(std::int64_t now) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{30};
    for (;;) {
      const auto step = store_->retain(at_us(now), seconds{1});
      if (step && !step->more) return;
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
  }
};

// Method: another session locks a row of counts, for which the removal waits when it has
// deleted events already; then the removal's session is ended, and the lock given up behind it.
TEST_F(PostgresRetentionTest, ARemovalWhoseConnectionIsCutRemovesNothingAndIsDoneAgain) {
  publish_ten();
  store_->set_retention({.age = hours{1}});
  std::unique_ptr<PGconn, decltype(&PQfinish)> other{PQconnectdb(options_.url.c_str()), &PQfinish};
  PQclear(PQexec(other.get(), "BEGIN"));
  PQclear(PQexec(other.get(), "SELECT FROM carillon.counts FOR UPDATE"));
  engine::Result<RetentionStep> step{RetentionStep{}};
  std::thread writer{[&] { step = store_->retain(at_us(day_us + 3'605 * second_us), seconds{1}); }};
  wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");

  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
  writer.join();
  other.reset();

  EXPECT_FALSE(step);
  EXPECT_THAT(listed({.user = alice}), SizeIs(5));
  EXPECT_EQ(list({.user = bob}).total_count, 5U);
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_EQ(store_->load().retention.events, 10U);

  retain_at_last(day_us + 3'605 * second_us);

  EXPECT_THAT(listed({.user = alice}), SizeIs(2));
  EXPECT_THAT(listed({.user = bob}), SizeIs(2));
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_EQ(store_->load().retention.events, 4U);
}

// Method: nothing is synced for a slice, so a crash of the server may take it back.
TEST_F(PostgresRetentionTest, WhatACrashOfTheServerTakesBackIsDoneAgain) {
  publish_ten();
  store_->set_retention({.events_per_user = 2});
  retain(day_us);
  shared_postgres().stop(SIGQUIT);
  shared_postgres().start();
  const std::vector batch{entry(EventSpec{.owner = alice, .created_at_us = day_us})};
  commit_at_last(batch);

  retain_at_last(day_us);

  EXPECT_THAT(listed({.user = alice}), SizeIs(2));
  EXPECT_THAT(listed({.user = bob}), SizeIs(2));
  EXPECT_EQ(store_->load().retention.events, 4U);
  EXPECT_THAT(faults(), IsEmpty());
}

TEST_F(PostgresRetentionTest, WaitsForACommitThatFailed) {
  publish_ten();
  store_->set_retention({.events_per_user = 1});
  cut_connections();
  const std::vector batch{entry(EventSpec{.owner = alice})};
  ASSERT_FALSE(store_->commit(batch));

  const auto step = store_->retain(at_us(day_us), seconds{1});

  ASSERT_TRUE(step);
  EXPECT_FALSE(step->more);
  EXPECT_THAT(listed({.user = bob}), SizeIs(5));
  commit_at_last(batch);
  retain_at_last(day_us);
  EXPECT_THAT(listed({.user = bob}), SizeIs(1));
}

TEST_F(PostgresRetentionTest, RemovesNothingFromADatabaseThatAnotherServerHasOpened) {
  publish_ten();
  cut_connections();
  auto other = persistence::open_store(options_);
  ASSERT_TRUE(other) << other.error().text();
  store_->set_retention({.age = hours{1}});

  EXPECT_FALSE(store_->retain(at_us(day_us + 24 * 3'600 * second_us), seconds{1}));
  EXPECT_FALSE(store_->retain(at_us(day_us + 24 * 3'600 * second_us), seconds{1}));
  other->reset();
  EXPECT_FALSE(store_->retain(at_us(day_us + 24 * 3'600 * second_us), seconds{1}));

  EXPECT_EQ(sql("SELECT count(*) FROM carillon.events"), "10");
}

TEST_F(PostgresRetentionTest, KeepsEverySumOfWhatStays) {
  std::vector<engine::EventId> ids;
  for (int i = 0; i < 40; ++i) {
    const auto at = day_us + i * second_us;
    ids.push_back(publish({.owner = i % 5 == 0   ? nobody
                                    : i % 2 == 0 ? alice
                                                 : bob,
                           .category = i % 3 == 0 ? "audit" : "pattern",
                           .severity = engine::all_severities[static_cast<std::size_t>(i % 4)],
                           .metadata = R"({"a":"\u0000"})",
                           .id = i % 7 == 0 ? engine::make_uuid_v4() : id_made_at(at),
                           .created_at_us = at})
                      ->id());
    if (i % 6 == 5) publish({.owner = bob, .id = ids.back(), .created_at_us = at});  // known
  }
  mark(alice, {ids[0], ids[2], ids[4], ids[15]});
  remove(alice, {ids[5], ids[6], ids[8], ids[38]});
  remove(bob, {ids[0], ids[1], ids[25]});
  ASSERT_THAT(faults(), IsEmpty());

  store_->set_retention({.bytes = store_->load().retention.bytes / 2});
  retain(day_us, microseconds{0});
  EXPECT_THAT(faults(), IsEmpty());
  store_->set_retention({.purge_deleted_after = milliseconds{1}});
  retain(day_us + 1'000'000 * second_us, microseconds{0});
  EXPECT_THAT(faults(), IsEmpty());
  store_->set_retention({.events_per_user = 2});
  retain(day_us, microseconds{0});
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_EQ(store_->load().retention.events, 6U);
  store_->set_retention({.age = hours{1}});
  retain(day_us + 100 * 3'600 * second_us, microseconds{0});

  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_EQ(store_->load().retention.events, 0U);
  EXPECT_EQ(store_->load().retention.bytes, 0U);
  EXPECT_EQ(sql("SELECT count(*) FROM carillon.marks"), "0");
  EXPECT_EQ(sql("SELECT sum(abs(unread) + abs(read) + abs(deleted)) FROM carillon.counts"), "0");
}

TEST_F(PostgresRetentionTest, LooksAtAllUsersOnceABoundIsSet) {
  std::vector<engine::LogEntry> batch;
  for (std::uint8_t user = 1; user <= 200; ++user)
    for (int i = 0; i < 1 + user % 3; ++i)
      batch.push_back(entry(EventSpec{.owner = numbered(user), .created_at_us = day_us}));
  commit(batch);
  options_.retention.events_per_user = 1;
  reopen();

  retain(day_us, microseconds{0});

  EXPECT_EQ(store_->load().retention.events, 200U);
  EXPECT_FALSE(store_->load().retention.sweeping);
  EXPECT_EQ(sql("SELECT count(DISTINCT user_id) FROM carillon.events"), "200");
}

TEST_F(PostgresRetentionTest, ThePositionOfBroadcastsOutlivesThem) {
  const auto broadcast = publish({.owner = nobody, .created_at_us = day_us});
  options_.retention.age = hours{1};
  reopen();
  retain(day_us + 3'600 * second_us);

  EXPECT_EQ(list({.user = alice}).cursor.position.broadcast, broadcast->sequence());
  reopen();
  EXPECT_EQ(store_->origin().last_broadcast, broadcast->sequence());
}

}  // namespace
}  // namespace carillon::testing
