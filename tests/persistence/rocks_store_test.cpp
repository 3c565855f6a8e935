// What only a store on disk can show: lives, crashes, damage.
#include "persistence/src/rocks_store.hpp"

#include "carillon/persistence/verify_store.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>

namespace carillon::testing {
namespace {

namespace fs = std::filesystem;
using engine::Errc;
using engine::make_error_code;
using persistence::open_store;
using persistence::reservation_block;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const engine::UserId alice = numbered(1);

class RocksStoreTest : public StoreTest {
 protected:
  void SetUp() override { open(small_rocksdb(path_)); }

  /// The store as a crash at this moment would leave it: what is on disk while
  /// it is open, in another place.
  void crash() {
    const auto copy = dir_ / ("crashed-" + std::to_string(++crashes_));
    fs::copy(path_, copy, fs::copy_options::recursive);
    store_.reset();
    path_ = copy;
  }
  void open_again() { open(small_rocksdb(path_)); }

  /// Files of the store with this extension, the oldest first.
  std::vector<fs::path> files(const std::string& extension) {
    std::vector<fs::path> found;
    for (const auto& file : fs::directory_iterator{path_})
      if (file.path().extension() == extension) found.push_back(file.path());
    std::sort(found.begin(), found.end());
    return found;
  }
  engine::Error error_of_opening() {
    const auto opened = open_store(small_rocksdb(path_));
    return opened ? engine::Error{std::error_code{}, "opened"} : opened.error();
  }

  std::string path_ = dir_ / "store";
  int crashes_ = 0;
};

TEST_F(RocksStoreTest, KeepsEverythingAcrossACleanRestart) {
  const auto event = publish({.owner = alice, .description = "kept"});
  publish({.owner = nobody});
  mark(alice, {event->id()});
  const auto before = list({.user = alice});
  const auto identity = store_->identity();
  const auto epoch = store_->origin().epoch;

  reopen();

  EXPECT_EQ(list({.user = alice}).events, before.events);
  EXPECT_EQ(list({.user = alice}).cursor, before.cursor);
  EXPECT_EQ(list({.user = alice}).read_count, 1U);
  EXPECT_EQ(store_->identity().system_id, identity.system_id);
  EXPECT_EQ(store_->identity().local_user, identity.local_user);
  EXPECT_EQ(store_->origin().epoch, epoch);
  EXPECT_EQ(store_->origin().last_broadcast, 101U);
}

TEST_F(RocksStoreTest, GivesEachStoreAnEpochAndAnIdentityOfItsOwn) {
  const auto other = open_store(small_rocksdb(dir_ / "other"));

  ASSERT_TRUE(other);
  EXPECT_NE((*other)->origin().epoch, store_->origin().epoch);
  EXPECT_LT((*other)->origin().epoch, std::uint64_t{1} << 48U);
  EXPECT_NE((*other)->identity().system_id, store_->identity().system_id);
}

TEST_F(RocksStoreTest, KeepsWhatWasCommittedBeforeACrash) {
  const auto event = publish({.owner = alice});
  mark(alice, {event->id()});

  crash();
  open_again();

  const auto page = list({.user = alice});
  EXPECT_EQ(page.total_count, 1U);
  EXPECT_EQ(page.read_count, 1U);
  EXPECT_EQ(page.cursor.position.user, 101U);
}

TEST_F(RocksStoreTest, ATornLastRecordLosesOnlyTheCommitThatNobodyWasToldOf) {
  publish({.owner = alice});
  const auto log = files(".log").back();
  const auto whole = fs::file_size(log);
  publish({.owner = alice});
  const auto torn = whole + (fs::file_size(log) - whole) / 2;

  crash();
  fs::resize_file(files(".log").back(), torn);
  open_again();

  EXPECT_THAT(listed({.user = alice}), ElementsAre(100));
  publish({.owner = alice});
  reopen();
  EXPECT_EQ(list({.user = alice}).total_count, 2U);
}

TEST_F(RocksStoreTest, BeginsEachLifeAboveEverySequenceOfTheOnesBefore) {
  EXPECT_EQ(store_->origin().first_sequence, 1U);

  crash();
  open_again();
  EXPECT_EQ(store_->origin().first_sequence, reservation_block + 1);
  reopen();
  EXPECT_EQ(store_->origin().first_sequence, 2 * reservation_block + 1);
}

// A life may show sequences that it never committed; they are covered by the
// reservation, which grows before half of it is used up.
TEST_F(RocksStoreTest, ExtendsItsReservationLongBeforeItIsUsedUp) {
  next_ = reservation_block / 2;
  publish({.owner = alice});
  publish({.owner = alice});

  crash();
  open_again();

  EXPECT_GT(store_->origin().first_sequence, reservation_block + reservation_block / 2);
  const auto first = store_->origin().first_sequence;
  next_ = first + 3 * reservation_block;
  publish({.owner = alice});
  crash();
  open_again();
  EXPECT_GT(store_->origin().first_sequence, first + 3 * reservation_block + reservation_block / 2);
}

TEST_F(RocksStoreTest, RefusesASecondOpening) {
  const auto error = error_of_opening();

  EXPECT_EQ(error.code, make_error_code(Errc::locked));
  EXPECT_THAT(error.text(), HasSubstr(path_));
}

TEST_F(RocksStoreTest, RefusesASecondProcess) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool locked = error_of_opening().code == make_error_code(Errc::locked);
    ::_exit(locked ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);

  EXPECT_EQ(status, 0);
}

TEST_F(RocksStoreTest, SaysWhyADirectoryCannotBeMade) {
  const auto file = dir_ / "file";
  std::ofstream{file} << "in the way";

  const auto opened = open_store(small_rocksdb(file + "/store"));

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, make_error_code(Errc::io));
  EXPECT_THAT(opened.error().text(),
              AllOf(HasSubstr(file + "/store"), HasSubstr("Not a directory")));
}

TEST_F(RocksStoreTest, SaysWhatIsDamagedAndWhatToDo) {
  publish({.owner = alice});
  store_.reset();
  const auto tables = files(".sst");
  ASSERT_FALSE(tables.empty());
  for (const auto& table : tables)
    fs::resize_file(table, fs::file_size(table) / 2);

  const auto error = error_of_opening();

  EXPECT_EQ(error.code, make_error_code(Errc::corrupt)) << error.text();
  EXPECT_THAT(error.text(), AllOf(HasSubstr(path_), HasSubstr("restore a backup")));
}

// Names the fault: damage that reading meets was told to nobody but the reader.
TEST_F(RocksStoreTest, TellsOfDamageThatReadingMeetsAndGoesOn) {
  for (int i = 0; i < 200; ++i)
    publish({.owner = alice, .description = std::string(300, static_cast<char>('a' + i % 26))});
  store_.reset();
  auto options = small_rocksdb(path_);
  {
    // Nothing is left to merge, else RocksDB may be first to meet the damage.
    const auto tables = persistence::RocksTables::open(path_, options);
    ASSERT_TRUE(tables) << tables.error().text();
    rocksdb::CompactRangeOptions all;
    all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    auto* const events = (*tables)->handle(persistence::Table::events);
    ASSERT_TRUE((*tables)->db().CompactRange(all, events, nullptr, nullptr).ok());
  }
  const auto tables = files(".sst");
  const auto events =
      std::ranges::max_element(tables, {}, [](const auto& table) { return fs::file_size(table); });
  ASSERT_NE(events, tables.end());
  std::fstream bytes{*events, std::ios::in | std::ios::out | std::ios::binary};
  bytes.seekp(static_cast<std::streamoff>(fs::file_size(*events) / 4));
  bytes << "!!!!";
  bytes.close();
  std::vector<std::string> told;  // reads of one thread
  options.log = [&told](engine::LogLevel level, std::string_view message, auto fields) {
    if (level != engine::LogLevel::error) return;
    told.emplace_back(message);
    for (const auto& field : fields)
      told.back() += ' ' + field.value;
  };
  ASSERT_NO_FATAL_FAILURE(open(options));
  next_ = store_->origin().first_sequence;
  EXPECT_EQ(store_->health().reason, "");

  for (int i = 0; i < 3; ++i) {
    const auto page = store_->list({.user = alice, .page_size = persistence::page_size_max});
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, make_error_code(Errc::corrupt));
  }

  EXPECT_EQ(store_->load().damaged_reads_total, 3U);
  EXPECT_TRUE(store_->health().writable);
  EXPECT_THAT(store_->health().reason, AllOf(HasSubstr(".sst"), HasSubstr("restore a backup")));
  EXPECT_THAT(told, ElementsAre(AllOf(HasSubstr("damaged"), HasSubstr(".sst"))));
  publish({.owner = numbered(2)});
  EXPECT_EQ(list({.user = numbered(2)}).total_count, 1U);
}

TEST(DamageRecordTest, TellsTheFirstAtOnceAndThenOneAMinute) {
  std::vector<std::string> told;
  persistence::DamageRecord record{
      [&told](auto /*level*/, auto /*message*/, std::span<const engine::LogField> fields) {
        told.push_back(fields[1].value + " " + fields[2].value);
      },
      "the-path"};
  const std::chrono::steady_clock::time_point start{};

  record.note({Errc::unavailable, "later"}, start);
  record.note({Errc::corrupt, "one"}, start);
  record.note({Errc::corrupt, "two"}, start + std::chrono::seconds{59});
  record.note({Errc::corrupt, "three"}, start + std::chrono::seconds{61});

  EXPECT_THAT(told, ElementsAre("1 one", "2 three"));
  EXPECT_EQ(record.count(), 3U);
  EXPECT_EQ(record.latest(), "three");
}

TEST_F(RocksStoreTest, ReportsAFileThatIsGone) {
  publish({.owner = alice});
  store_.reset();
  fs::remove(files(".sst").front());

  EXPECT_EQ(error_of_opening().code, make_error_code(Errc::corrupt));
}

// Names the fault: which log it was, nobody was told.
TEST_F(RocksStoreTest, ReportsDamageInTheMiddleOfTheLogAndInWhichOne) {
  for (int i = 0; i < 20; ++i)
    publish({.owner = alice, .description = std::string(3'000, 'x')});
  crash();
  const auto log = files(".log").back();
  std::fstream bytes{log, std::ios::in | std::ios::out | std::ios::binary};
  bytes.seekp(static_cast<std::streamoff>(fs::file_size(log) / 3));
  bytes << "!!!!";
  bytes.close();

  const auto error = error_of_opening();

  EXPECT_EQ(error.code, make_error_code(Errc::corrupt));
  EXPECT_THAT(error.text(), HasSubstr("the log " + log.filename().string()));
}

// What is done to a file so that its end, or all of it, is missing.
struct Loss {
  const char* name;
  void (*inflict)(const fs::path& file);
};
const Loss losses[] = {
    {"cut by 3 bytes", [](const fs::path& f) { fs::resize_file(f, fs::file_size(f) - 3); }},
    {"cut in half", [](const fs::path& f) { fs::resize_file(f, fs::file_size(f) / 2); }},
    {"empty", [](const fs::path& f) { fs::resize_file(f, 0); }},
    {"gone", [](const fs::path& f) { fs::remove(f); }},
};

/// Inflicts each loss on each log but the newest, each time on a fresh copy. The store must be
/// refused and the log named, unless nothing that it holds is missing. Returns how many were.
std::size_t refusals_without_older_logs(const std::string& store,
                                        const TempDir& dir,
                                        std::uint64_t events) {
  std::vector<fs::path> logs;
  for (const auto& file : fs::directory_iterator{store})
    if (file.path().extension() == ".log" && file.file_size() > 0)
      logs.push_back(file.path().filename());
  std::sort(logs.begin(), logs.end());
  std::size_t refused = 0;
  for (std::size_t i = 0; i + 1 < logs.size(); ++i) {
    for (const auto& loss : losses) {
      SCOPED_TRACE(logs[i].string() + " is " + loss.name);
      const fs::path copy = dir / "with-loss";
      fs::remove_all(copy);
      fs::copy(store, copy, fs::copy_options::recursive);
      loss.inflict(copy / logs[i]);
      const auto verified = persistence::verify_store(copy.string(), [](const auto&) {});
      const auto opened = open_store(small_rocksdb(copy));
      if (opened) {
        const auto page = (*opened)->list({.user = alice});
        EXPECT_TRUE(page && page->total_count == events) << "silently";
        continue;
      }
      ++refused;
      EXPECT_EQ(opened.error().code, make_error_code(Errc::corrupt));
      EXPECT_THAT(opened.error().text(),
                  AllOf(HasSubstr(logs[i].string()), HasSubstr(copy.string()),
                        HasSubstr("restore a backup")));
      EXPECT_FALSE(verified) << "verify_store takes it for sound";
    }
  }
  return refused;
}

// Names the fault: RocksDB takes the end of each log for what a crash left, and a log that
// is gone for one that it removed.
TEST_F(RocksStoreTest, MissesTheEndOfALogThatIsNotTheNewest) {
  const std::uint64_t events = 300;
  for (std::uint64_t i = 0; i < events; ++i)
    publish({.owner = alice, .metadata = R"({"x":")" + std::string(400, 'x') + "\"}"});
  crash();

  EXPECT_GT(refusals_without_older_logs(path_, dir_, events), 0U);
}

// The same in a later life: what the last one left is not RocksDB's to track any more.
TEST_F(RocksStoreTest, MissesTheEndOfALogOfAnEarlierLife) {
  for (int life = 0; life < 3; ++life) {
    publish({.owner = alice});
    crash();
    ASSERT_NO_FATAL_FAILURE(open_again());
  }
  publish({.owner = alice});
  crash();

  EXPECT_EQ(refusals_without_older_logs(path_, dir_, 4), 3 * std::size(losses));
}

// A crash tears the log that is the newest then; the next life begins another one.
TEST_F(RocksStoreTest, ALogThatACrashToreStaysGoodInLaterLives) {
  publish({.owner = alice});
  const auto whole = fs::file_size(files(".log").back());
  publish({.owner = alice});
  crash();
  fs::resize_file(files(".log").back(), whole + 20);

  for (std::uint64_t life = 1; life <= 3; ++life) {
    ASSERT_NO_FATAL_FAILURE(open_again());
    EXPECT_EQ(list({.user = alice}).total_count, life);
    publish({.owner = alice});
    crash();
  }
}

// Names the fault: RocksDB makes a new database wherever CURRENT is absent, and
// removes the files of the old one.
TEST_F(RocksStoreTest, NeverBeginsAnewOverAnOldStoresFiles) {
  publish({.owner = alice});
  store_.reset();
  fs::remove(fs::path{path_} / "CURRENT");

  const auto error = error_of_opening();

  EXPECT_EQ(error.code, make_error_code(Errc::corrupt)) << error.text();
  EXPECT_THAT(files(".sst"), Not(IsEmpty()));
}

TEST_F(RocksStoreTest, RefusesALaterVersionOfTheSchema) {
  store_.reset();
  {
    auto tables = persistence::RocksTables::open(path_, small_rocksdb(path_));
    ASSERT_TRUE(tables);
    rocksdb::WriteOptions write;
    ASSERT_TRUE((*tables)
                    ->db()
                    .Put(write, (*tables)->handle(persistence::Table::meta), "schema",
                         std::string{"\0\0\0\0\0\0\0\4", 8})
                    .ok());
  }

  const auto error = error_of_opening();

  EXPECT_EQ(error.code, make_error_code(Errc::unsupported_version));
  EXPECT_THAT(error.text(), AllOf(HasSubstr("version 4"), HasSubstr("versions 1 to 3"),
                                  HasSubstr("move the directory away")));
}

// 30 users, some 20 of them in a generation: some of a generation's sums are in their rows,
// some are not, wherever it stops.
TEST_F(RocksStoreTest, CountsEachEventOnceHoweverFarItsSumsHaveComeToTheirRows) {
  constexpr std::uint8_t users = 30;
  for (std::uint64_t round = 1; round <= 40; ++round) {
    std::vector<engine::LogEntry> batch;
    for (std::uint8_t user = 1; user <= users; ++user)
      if ((round + user) % 3 == 0) batch.push_back(entry({.owner = numbered(user)}));
    commit(batch);
    if (round % 2 == 0) crash();
    if (round % 2 == 0) open_again();
    for (std::uint8_t user = 1; user <= users; ++user) {
      const auto shown = list({.user = numbered(user)});
      const auto all = store_->aggregate(numbered(user));
      ASSERT_EQ(shown.total_count, shown.events.size());
      ASSERT_EQ(all->total, shown.events.size()) << "user " << int{user} << " round " << round;
      ASSERT_EQ((*store_->kinds(numbered(user))).size(), shown.events.empty() ? 0U : 1U);
    }
  }
}

// The same while old events leave: the kinds of a round are gone three rounds later.
TEST_F(RocksStoreTest, RemovesFromCountsAndKindsHoweverFarTheirSumsHaveCome) {
  constexpr std::uint8_t users = 30;
  store_->set_retention({.events_per_user = 3});
  for (std::uint64_t round = 1; round <= 30; ++round) {
    std::vector<engine::LogEntry> batch;
    for (std::uint8_t user = 1; user <= users; ++user)
      if ((round + user) % 3 != 0)
        batch.push_back(
            entry({.owner = numbered(user), .action = "round" + std::to_string(round)}));
    commit(batch);
    retain(1'000'000, std::chrono::microseconds{0});
    if (round % 3 == 0) crash();
    if (round % 3 == 0) open_again();
    store_->set_retention({.events_per_user = 3});
    retain(1'000'000, std::chrono::microseconds{0});
    for (std::uint8_t user = 1; user <= users; ++user) {
      const auto shown = list({.user = numbered(user)});
      const auto all = store_->aggregate(numbered(user));
      ASSERT_LE(shown.events.size(), 3U);
      ASSERT_EQ(shown.total_count, shown.events.size());
      ASSERT_EQ(all->total, shown.events.size()) << "user " << int{user} << " round " << round;
      ASSERT_EQ((*store_->kinds(numbered(user))).size(), shown.events.size());
    }
  }
}

TEST_F(RocksStoreTest, BoundsTheMemoryOfCountsThatHaveNotReachedTheirRows) {
  std::size_t most = 0;
  for (int round = 0; round < 400; ++round) {
    publish({.owner = engine::make_uuid_v4(), .action = "of_round" + std::to_string(round)});
    most = std::max(most, store_->load().pending_counts_bytes);
  }

  EXPECT_GT(most, 1'000U);
  EXPECT_LE(most, 2 * options_.pending_counts_bytes_max + 1'000);
}

TEST(OpenStoreTest, NamesWhatItSupportsWhenAskedForSomethingElse) {
  for (const auto* url : {"", "sqlite:x", "rocksdb:", "memory:x", "rocksdb"}) {
    const auto opened = open_store({.url = url});
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().code, make_error_code(Errc::invalid_argument)) << url;
    EXPECT_THAT(opened.error().text(), HasSubstr("rocksdb:PATH")) << url;
  }
}

}  // namespace
}  // namespace carillon::testing
