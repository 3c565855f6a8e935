// A database of an earlier schema version: stores/postgres_schemaN.sql is a dump of one that a
// program of that time wrote, postgres_schemaN.txt what that program listed of every inbox.
#include "tests/persistence/postgres_fixture.hpp"

#include <fstream>
#include <sstream>

namespace carillon::testing {
namespace {

using engine::Errc;
using engine::make_error_code;
using persistence::RemovalReason;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const engine::UserId alice = numbered(1);
const engine::UserId bob = numbered(2);

/// The events are of these minutes; then their users change them.
constexpr std::int64_t day_us = 1'700'000'000'000'000;
constexpr std::int64_t second_us = 1'000'000;

std::string content_of(const std::string& file) {
  std::ifstream stream{std::string{CARILLON_STORES} + "/" + file};
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

class PostgresMigrationTest : public PostgresTest {
 protected:
  void SetUp() override {
    options_ = fresh_store(StoreKind::postgresql, dir_);
    options_.retention.purge_deleted_after = hours{0};
    const auto dump = content_of("postgres_schema1.sql");
    ASSERT_THAT(dump, HasSubstr("CREATE SCHEMA"));
    sql(dump);
  }
  void migrate() {
    open(options_);
    next_ = store_->origin().first_sequence;
  }

  std::string said_of_inboxes() {
    std::string said;
    for (const auto& user : {alice, bob, nobody}) {
      said += "user " + to_string(user) + "\n";
      for (const auto& json : list({.user = user, .descending = false, .page_size = 100}).events)
        said += json + "\n";
    }
    return said;
  }
  /// Columns with their types, indexes and comments, a line each.
  static std::string shape_of(const std::string& url) {
    return PostgresServer::execute_at(url, R"(
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
  SELECT format('%s.%s %s %s %s', table_name, ordinal_position, column_name, data_type,
                concat_ws(' ', is_nullable, column_default)) AS line
    FROM information_schema.columns WHERE table_schema = 'carillon'
  UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'carillon'
  UNION ALL
  SELECT format('%s.%s: %s', objoid::regclass, objsubid, description) FROM pg_description
   WHERE classoid = 'pg_class'::regclass AND objoid::regclass::text LIKE 'carillon.%') AS shape)");
  }
};

TEST_F(PostgresMigrationTest, KeepsWhatTheEarlierProgramShowed) {
  migrate();

  EXPECT_EQ(said_of_inboxes(), content_of("postgres_schema1.txt"));
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_EQ(store_->load().retention.events, 11U);
  EXPECT_EQ(list({.user = alice}).read_count, 3U);
  EXPECT_EQ(store_->aggregate(bob)->total, 3U);
}

TEST_F(PostgresMigrationTest, EndsWithTheTablesThatANewDatabaseHas) {
  migrate();
  store_.reset();
  const auto fresh = fresh_store(StoreKind::postgresql, dir_);
  ASSERT_TRUE(persistence::open_store(fresh));

  EXPECT_EQ(shape_of(options_.url), shape_of(fresh.url));
}

TEST_F(PostgresMigrationTest, RemovesOldEventsOfTheEarlierProgram) {
  options_.retention = {.age = hours{1}, .purge_deleted_after = hours{0}};
  migrate();
  const auto young = publish({.owner = alice, .created_at_us = day_us + 3'600 * second_us});

  retain(day_us + (3'600 + 5 * 60) * second_us);  // numbers 0 to 5, and all broadcasts

  EXPECT_THAT(listed({.user = alice, .descending = false}), ElementsAre(106, young->sequence()));
  EXPECT_THAT(listed({.user = bob}), ElementsAre(107));
  EXPECT_EQ(store_->aggregate(alice)->by_status[1], 0U);
  EXPECT_EQ(store_->load().retention.events, 3U);
  EXPECT_THAT(faults(), IsEmpty());
  // Of changes from before it is not known which event they were to.
  const auto after = [&](engine::Sequence own) {
    return store_->list({.user = bob, .after = engine::Position{.user = own, .broadcast = 110}});
  };
  EXPECT_EQ(after(112).error().code, make_error_code(Errc::history_gone));
  EXPECT_TRUE(after(113));
}

TEST_F(PostgresMigrationTest, PurgesWhatWasDeletedBefore) {
  options_.retention = {.purge_deleted_after = hours{1}};
  migrate();

  retain(day_us + (3'600 + 2'500) * second_us);

  EXPECT_EQ(store_->load().retention.removed[static_cast<std::size_t>(RemovalReason::deleted)], 1U);
  EXPECT_THAT(faults(), IsEmpty());
}

TEST_F(PostgresMigrationTest, IsLeftToTheServerByCommandsThatOnlyRead) {
  const auto found = persistence::verify_store(options_.url, [](const persistence::StoreFault&) {});

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, make_error_code(Errc::unsupported_version));
  EXPECT_THAT(found.error().text(), HasSubstr("carillond migrates it at its next start"));
}

TEST_F(PostgresMigrationTest, LeavesADatabaseThatItCanNotMigrateAsItIs) {
  sql("ALTER TABLE carillon.counts ADD COLUMN deleted text");
  const auto before = shape_of(options_.url);

  EXPECT_THAT(error_of_opening(options_.url).text(), HasSubstr("is as it was"));

  EXPECT_EQ(shape_of(options_.url), before);
  EXPECT_EQ(sql("SELECT schema_version FROM carillon.meta"), "1");
}

}  // namespace
}  // namespace carillon::testing
