// Stores of earlier schema versions, as programs of that time wrote them: stores/schemaN.tar.gz
// holds one, and what its program said of every inbox.
#include "carillon/persistence/store_backup.hpp"
#include "carillon/persistence/verify_store.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/rocks_rows.hpp"
#include "persistence/src/rocks_store.hpp"
#include "tests/persistence/crash_machine.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace carillon::testing {
namespace {

namespace fs = std::filesystem;
using persistence::RocksSnapshot;
using persistence::RocksStore;
using persistence::RocksTables;
using persistence::Table;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RocksMigrationTest : public StoreTest, public ::testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    const auto archive =
        std::string{CARILLON_STORES} + "/schema" + std::to_string(GetParam()) + ".tar.gz";
    const auto unpack = "tar -xzf '" + archive + "' -C '" + dir_.path().string() + "'";
    ASSERT_EQ(std::system(unpack.c_str()), 0) << unpack;  // NOLINT(concurrency-mt-unsafe)
    std::ifstream file{dir_ / "expected.txt"};
    std::stringstream text;
    text << file.rdbuf();
    expected_ = text.str();
    ASSERT_THAT(expected_, HasSubstr("user "));
  }

  /// In the words of expected.txt, which the program of that time wrote.
  std::string said_of_inboxes() {
    std::ostringstream out;
    for (std::uint8_t number = 1; number <= 5; ++number) {
      const auto user = numbered(number);
      const auto page = list({.user = user, .page_size = 1'000});
      const auto sums = store_->aggregate(user);
      auto kinds = *store_->kinds(user);
      out << "user " << to_string(user) << "\ntotal " << page.total_count << " read "
          << page.read_count;
      for (const auto count : page.count_by_severity)
        out << ' ' << count;
      out << '\n';
      for (const auto& json : page.events)
        out << "event " << json << '\n';
      out << "aggregate " << sums->total;
      for (const auto count : sums->by_status)
        out << ' ' << count;
      for (const auto count : sums->by_severity)
        out << ' ' << count;
      for (const auto& [category, count] : sums->by_category)
        out << ' ' << category << '=' << count;
      out << '\n';
      std::sort(kinds.begin(), kinds.end());
      for (const auto& kind : kinds)
        out << "kind " << kind.category << '/' << kind.action << '\n';
    }
    return out.str();
  }

  /// Every event of every inbox is found by its id too.
  void expect_found_by_id() {
    for (std::uint8_t number = 1; number <= 5; ++number) {
      const auto user = numbered(number);
      for (const auto& json : list({.user = user, .page_size = 1'000}).events) {
        const auto id = engine::parse_uuid(json.substr(7, engine::uuid_text_bytes));
        const auto found = store_->get(user, *id);
        ASSERT_TRUE(found) << json;
        EXPECT_EQ(*found, json);
      }
    }
  }

  void expect_sound(const std::string& path) {
    std::vector<std::string> faults;
    const auto found = persistence::verify_store(
        path, [&](const auto& fault) { faults.push_back(fault.where + " " + fault.what); });
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_THAT(faults, IsEmpty());
  }

  const std::string path_ = dir_ / "store";
  std::string expected_;
};

TEST_P(RocksMigrationTest, KeepsEveryInboxAsTheProgramOfThatTimeHadIt) {
  open({.url = "rocksdb:" + path_});

  EXPECT_EQ(said_of_inboxes(), expected_);
  expect_found_by_id();
  publish({.owner = numbered(1)});
  store_.reset();
  expect_sound(path_);
}

TEST_P(RocksMigrationTest, KnowsIdsThatAPublisherChose) {
  open({.url = "rocksdb:" + path_});
  engine::EventId chosen;
  chosen.bytes = {0x55, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1};

  const auto before = list({.user = numbered(2)}).total_count;
  publish({.owner = numbered(2), .id = chosen});

  EXPECT_EQ(list({.user = numbered(2)}).total_count, before);
}

TEST_P(RocksMigrationTest, SaysOnceThatItMigratesAndHowFarItIs) {
  std::vector<std::string> lines;
  persistence::StoreOptions options{
      .url = "rocksdb:" + path_,
      .log = [&](engine::LogLevel, std::string_view message, std::span<const engine::LogField>) {
        lines.emplace_back(message);
      }};

  open(options);
  const auto steps = persistence::schema_version - static_cast<std::uint64_t>(GetParam());
  ASSERT_EQ(lines.size(), 2 * steps);
  for (std::size_t i = 0; i < lines.size(); ++i)
    EXPECT_THAT(lines[i], HasSubstr(i % 2 == 0 ? "is migrated" : "being migrated"));
  reopen();

  EXPECT_EQ(lines.size(), 2 * steps);
}

TEST_P(RocksMigrationTest, RestoresABackupOfThatTime) {
  fs::remove(fs::path{path_} / "carillon.lock");  // as a backup has none
  const auto restored = persistence::restore_backup(path_, dir_ / "restored");
  ASSERT_TRUE(restored) << restored.error().text();

  open({.url = "rocksdb:" + dir_ / "restored"});

  EXPECT_EQ(said_of_inboxes(), expected_);
}

TEST_P(RocksMigrationTest, IsNotDoneByWhatOnlyReads) {
  const auto found = persistence::verify_store(path_, [](const auto&) {});

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, make_error_code(engine::Errc::unsupported_version));
  EXPECT_THAT(found.error().text(), HasSubstr("migrates it at its next start"));
}

// Goal: a crash of the machine at any moment of a migration leaves a store that the next
// opening brings to its end. Method: each write, sync, rename and removal of the opening
// in turn is the one at which the machine goes.
TEST_P(RocksMigrationTest, GoesOnAfterACrashAtAnyMoment) {
  const auto original = dir_ / "original";
  fs::rename(path_, original);
  std::uint64_t crashes = 0;
  std::uint64_t of_old_schema = 0;
  for (bool crashed = true; crashed && !HasFailure(); ++crashes) {
    SCOPED_TRACE("crash at operation " + std::to_string(crashes + 1));
    fs::remove_all(path_);
    fs::copy(original, path_);
    const auto limbo = dir_ / "limbo";
    fs::remove_all(limbo);
    fs::create_directory(limbo);
    const auto disk = std::make_shared<CrashFileSystem>(limbo, /*seed=*/crashes);
    SleeplessEnv env{disk};

    disk->begin({.crash_at = crashes + 1});
    { const auto opened = RocksStore::open(path_, options_, &env); }
    crashed = disk->crashed();
    disk->crash();
    disk->restart();
    {
      const auto tables = RocksTables::open(path_, options_);
      ASSERT_TRUE(tables) << tables.error().text();
      const auto schema = persistence::read_number(RocksSnapshot{**tables}, "schema");
      ASSERT_TRUE(schema);
      if (*schema < persistence::schema_version) ++of_old_schema;
    }
    open({.url = "rocksdb:" + path_});

    EXPECT_EQ(said_of_inboxes(), expected_);
    expect_found_by_id();
    store_.reset();
    expect_sound(path_);
  }
  EXPECT_GT(of_old_schema, 20U);
  EXPECT_GT(crashes, of_old_schema);
}

INSTANTIATE_TEST_SUITE_P(Schemas, RocksMigrationTest, ::testing::Values(1, 2));

}  // namespace
}  // namespace carillon::testing
