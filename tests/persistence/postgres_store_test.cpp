// What only a store behind a connection can show: lost connections, other
// servers, databases that went back.
#include "tests/persistence/postgres_fixture.hpp"

#include <chrono>
#include <thread>

namespace carillon::testing {
namespace {

using engine::Change;
using engine::Errc;
using engine::Filter;
using engine::make_error_code;
using persistence::open_store;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const engine::UserId alice = numbered(1);

class PostgresStoreTest : public PostgresTest {};

/// Sequences that a life reserves; its next one begins behind them.
constexpr engine::Sequence block = engine::Sequence{1} << 30U;

TEST_F(PostgresStoreTest, KeepsEverythingAcrossACleanRestart) {
  const auto event = publish({.owner = alice, .description = "kept"});
  publish({.owner = nobody});
  mark(alice, {event->id()});
  const auto before = list({.user = alice});
  const auto identity = store_->identity();
  const auto origin = store_->origin();

  reopen();

  EXPECT_EQ(list({.user = alice}).events, before.events);
  EXPECT_EQ(list({.user = alice}).cursor, before.cursor);
  EXPECT_EQ(store_->identity().system_id, identity.system_id);
  EXPECT_EQ(store_->identity().local_user, identity.local_user);
  EXPECT_EQ(store_->origin().epoch, origin.epoch);
  EXPECT_EQ(store_->origin().last_broadcast, 101U);
  EXPECT_EQ(store_->origin().first_sequence, origin.first_sequence + block);
}

TEST_F(PostgresStoreTest, BeginsALifeBehindAllThatTheOneBeforeCanHaveShown) {
  next_ = store_->origin().first_sequence + block;  // beyond what was reserved at first
  publish({.owner = alice});

  reopen();

  EXPECT_GT(store_->origin().first_sequence, next_ + block / 4);
}

TEST_F(PostgresStoreTest, KeepsTextsThatAColumnCanNotHold) {
  const auto event =
      publish({.owner = alice,
               .description = std::string{"nul \0 bell \a slash / \xF0\x9F\x94\x94", 25},
               .metadata = R"({"a":"\u0000\ud83d\udd14\/"})"});

  EXPECT_THAT(list({.user = alice}).events, ElementsAre(event->json()));
}

TEST_F(PostgresStoreTest, FindsNothingForWordsThatAreNoText) {
  publish({.owner = alice, .description = "\xC3\xA4"});
  Filter search;
  search.search = "\xA4";
  Filter category;
  category.categories = {std::string{"pattern\0", 8}, "\xFF"};

  EXPECT_THAT(listed({.user = alice, .filter = search}), IsEmpty());
  EXPECT_THAT(listed({.user = alice, .filter = category}), IsEmpty());
  EXPECT_THAT(apply({.user = alice, .filter = search}), IsEmpty());
  EXPECT_THAT(apply({.user = alice, .filter = category}), IsEmpty());
}

TEST_F(PostgresStoreTest, ASecondServerIsRefusedAndToldWhoIsThere) {
  const auto error = error_of_opening(options_.url);

  EXPECT_EQ(error.code, make_error_code(Errc::locked));
  EXPECT_THAT(error.text(), AllOf(HasSubstr("carillon pid " + std::to_string(::getpid()) + " on "),
                                  HasSubstr("stop that one")));
}

TEST_F(PostgresStoreTest, ALaterSchemaVersionIsRefused) {
  store_.reset();
  sql("UPDATE carillon.meta SET schema_version = 3");

  const auto error = error_of_opening(options_.url);

  EXPECT_EQ(error.code, make_error_code(Errc::unsupported_version));
  EXPECT_THAT(error.text(), AllOf(HasSubstr("has version 3"), HasSubstr("versions 1 to 2")));
}

TEST_F(PostgresStoreTest, ASchemaThatLacksATableIsRefusedWithWhatToDoAndNotMadeAnew) {
  publish({.owner = alice});
  store_.reset();
  for (const auto* const table : {"counts", "meta"}) {
    sql(std::string{"DROP TABLE carillon."} + table + " CASCADE");

    const auto refused = error_of_opening(options_.url);

    EXPECT_THAT(refused.text(), AllOf(HasSubstr("42P0"), HasSubstr("restore a backup")));
    EXPECT_EQ(sql("SELECT count(*) FROM carillon.events"), "1");
  }
}

TEST_F(PostgresStoreTest, ADatabaseOfAnotherEncodingIsRefused) {
  shared_postgres().execute(
      "postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");

  const auto error = error_of_opening(shared_postgres().url("latin"));

  EXPECT_EQ(error.code, make_error_code(Errc::invalid_argument));
  EXPECT_THAT(error.text(), AllOf(HasSubstr("LATIN1"), HasSubstr("UTF8")));
}

TEST_F(PostgresStoreTest, SaysWhatFailsWhenItCanNotConnectAndHidesThePassword) {
  const auto error = error_of_opening("postgresql://me:secret@127.0.0.1:1/db?connect_timeout=2");

  EXPECT_EQ(error.code, make_error_code(Errc::unavailable));
  EXPECT_THAT(error.text(), AllOf(HasSubstr("me:***@127.0.0.1:1/db"), HasSubstr("refused"),
                                  Not(HasSubstr("secret"))));
}

TEST_F(PostgresStoreTest, GoesOnAfterItsConnectionsWereCut) {
  publish({.owner = alice});
  EXPECT_THAT(listed({.user = alice}), ElementsAre(100));
  cut_connections();

  EXPECT_THAT(listed({.user = alice}), ElementsAre(100));
  const std::vector batch{entry(EventSpec{.owner = alice})};
  EXPECT_FALSE(store_->commit(batch));
  EXPECT_FALSE(store_->health().writable);
  commit_at_last(batch);

  EXPECT_TRUE(store_->health().writable);
  EXPECT_THAT(listed({.user = alice, .descending = false}), ElementsAre(100, 101));
  EXPECT_EQ(list({.user = alice}).total_count, 2U);
}

// Method: an id of ours can't be there already, so the test puts it there.
TEST_F(PostgresStoreTest, AnIdOfOursThatIsThereAlreadyIsLeftOutByTheSecondAttempt) {
  publish({.owner = alice});
  const std::vector batch{entry(EventSpec{.owner = alice}), entry(EventSpec{.owner = alice})};
  ASSERT_FALSE(batch[0].event->id_from_publisher());
  sql("UPDATE carillon.events SET id = '" + to_string(batch[0].event->id()) + "'");

  EXPECT_FALSE(store_->commit(batch));
  commit(batch);

  EXPECT_THAT(listed({.user = alice, .descending = false}), ElementsAre(100, 102));
  EXPECT_EQ(list({.user = alice}).total_count, 2U);
  EXPECT_EQ(store_->load().retention.events, 2U);
}

// Method: with a standby named that does not exist, COMMIT waits after it was
// applied; the session is ended there, so that the client never hears of it.
TEST_F(PostgresStoreTest, ACommitOfUnknownOutcomeIsAppliedOnce) {
  const auto first = publish({.owner = alice});
  sql("ALTER SYSTEM SET synchronous_standby_names = 'absent'");
  sql("SELECT pg_reload_conf()");
  wait_until("SELECT current_setting('synchronous_standby_names') = 'absent'");
  const std::vector batch{
      entry(EventSpec{.owner = alice}),
      entry(Change{.kind = Change::Kind::remove, .user = alice, .ids = {first->id()}})};
  engine::Result<void> done;
  std::thread writer{[&] { done = store_->commit(batch); }};
  wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  cut_connections();
  writer.join();
  ASSERT_FALSE(done);
  sql("ALTER SYSTEM RESET synchronous_standby_names");
  sql("SELECT pg_reload_conf()");

  commit_at_last(batch);

  EXPECT_THAT(batch[1].change->affected, ElementsAre(first->id()));
  publish({.owner = alice});
  EXPECT_THAT(listed({.user = alice, .descending = false}), ElementsAre(101, 103));
  EXPECT_EQ(list({.user = alice}).total_count, 2U);
}

TEST_F(PostgresStoreTest, WaitsForAServerThatIsDownAndGoesOnWithoutRestart) {
  publish({.owner = alice});
  auto& server = shared_postgres();
  server.stop(SIGQUIT);
  const std::vector batch{entry(EventSpec{.owner = alice})};

  EXPECT_EQ(store_->list({.user = alice}).error().code, make_error_code(Errc::unavailable));
  EXPECT_FALSE(store_->commit(batch));
  EXPECT_FALSE(store_->commit(batch));
  EXPECT_THAT(store_->health().reason, HasSubstr("Can't connect to PostgreSQL"));
  server.start();
  commit_at_last(batch);

  EXPECT_TRUE(store_->health().writable);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!store_->get(alice, batch[0].event->id()))  // refused for a moment after a failure
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  EXPECT_THAT(listed({.user = alice, .descending = false}), ElementsAre(100, 101));
  EXPECT_EQ(list({.user = alice}).total_count, 2U);
}

TEST_F(PostgresStoreTest, GivesWayToAServerThatTookTheDatabaseMeanwhile) {
  publish({.owner = alice});
  cut_connections();
  auto other = open_store(options_);
  ASSERT_TRUE(other) << other.error().text();
  const std::vector batch{entry(EventSpec{.owner = alice})};

  EXPECT_FALSE(store_->commit(batch));  // finds its connection cut
  EXPECT_THAT(store_->commit(batch).error().text(), HasSubstr("is open already"));
  other->reset();
  // PostgreSQL ends a session, and drops its lock, a moment after its client has left.
  wait_until(
      "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND database ="
      " (SELECT oid FROM pg_database WHERE datname = current_database())");
  EXPECT_THAT(store_->commit(batch).error().text(),
              HasSubstr("Another server has opened the store"));
  EXPECT_EQ(store_->commit(batch).error().code, make_error_code(Errc::locked));
  EXPECT_THAT(listed({.user = alice}), ElementsAre(100));
}

TEST_F(PostgresStoreTest, ADatabaseThatWentBackGetsAnotherEpoch) {
  publish({.owner = alice});
  const auto origin = store_->origin();
  cut_connections();
  sql("UPDATE carillon.meta SET commits = commits - 1");
  const std::vector batch{entry(EventSpec{.owner = alice})};

  EXPECT_FALSE(store_->commit(batch));  // finds its connection cut
  const auto error = store_->commit(batch).error();
  EXPECT_EQ(error.code, make_error_code(Errc::corrupt));
  EXPECT_THAT(error.text(), HasSubstr("Restart this server"));

  reopen();
  EXPECT_NE(store_->origin().epoch, origin.epoch);
  EXPECT_GE(store_->origin().first_sequence, origin.first_sequence + block);
}

}  // namespace
}  // namespace carillon::testing
