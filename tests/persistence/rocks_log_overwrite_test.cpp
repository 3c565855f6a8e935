// Goal: a store whose log is written over zeros outlives a crash as one with plain logs does,
// also for who may only read it, and in a backup.
// Method: an Env of its own, so that there are spares whatever the file system is.
#include "carillon/persistence/store_backup.hpp"
#include "carillon/persistence/verify_store.hpp"
#include "persistence/src/rocks_log_tail.hpp"
#include "persistence/src/rocks_store.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace carillon::testing {
namespace {

namespace fs = std::filesystem;
using engine::make_error_code;
using ::testing::HasSubstr;

constexpr std::size_t sector = 512;
const engine::UserId alice = numbered(1);

std::string bytes_of(const fs::path& file) {
  std::ostringstream bytes;
  bytes << std::ifstream{file, std::ios::binary}.rdbuf();
  return bytes.str();
}

class RocksLogOverwriteTest : public StoreTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(open_at(path_));
    fill_until_a_log_is_overwritten();
  }
  void open_at(const std::string& path) {
    store_.reset();
    auto opened = open_result(path);
    ASSERT_TRUE(opened) << opened.error().text();
    store_ = std::move(*opened);
  }
  static engine::Result<std::unique_ptr<persistence::Store>> open_result(const std::string& path) {
    auto options = small_rocksdb(path);
    options.write_buffer_bytes = std::size_t{1} << 20U;  // once a log is begun it has room
    options.wal_bytes_max = std::size_t{32} << 20U;
    return persistence::RocksStore::open(path, options, rocksdb::Env::Default());
  }

  void publish_large() {
    publish({.owner = alice, .description = std::string(2'000, 'x')});
    ++events_;
  }
  /// Three commits lie in the newest log, and zeros behind them.
  void fill_until_a_log_is_overwritten() {
    for (int i = 0; i < 10'000; ++i) {
      publish_large();
      const auto log = bytes_of(newest_log(path_));
      if (log.size() > 3 * sector && log.substr(0, 12).find_first_not_of('\0') != log.npos &&
          log.substr(log.size() - sector).find_first_not_of('\0') == log.npos && ++commits_ == 3)
        return;
    }
    FAIL() << "no log was written over a spare";
  }
  static fs::path newest_log(const fs::path& store) {
    fs::path newest;
    for (const auto& file : fs::directory_iterator{store})
      if (file.path().extension() == ".log") newest = std::max(newest, file.path());
    return newest;
  }
  /// The store as a crash would leave it now.
  std::string crashed() {
    auto copy = dir_ / "crashed";
    fs::copy(path_, copy);
    return copy;
  }
  /// Takes these bytes from the log.
  static void lose(const fs::path& log, std::size_t at, std::size_t bytes) {
    std::fstream file{log, std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(at));
    const std::string zeros(bytes, '\0');
    file.write(zeros.data(), static_cast<std::streamsize>(bytes));
  }
  static bool is_sound(const std::string& store) {
    const auto found = persistence::verify_store(store, [](const auto&) {});
    return found && found->faults == 0;
  }

  const std::string path_ = dir_ / "store";
  std::uint64_t events_ = 0;
  int commits_ = 0;
};

TEST_F(RocksLogOverwriteTest, KeepsWhatWasCommittedBeforeACrash) {
  const auto store = crashed();
  const auto before = bytes_of(newest_log(store));
  EXPECT_TRUE(is_sound(store));
  EXPECT_EQ(bytes_of(newest_log(store)), before) << "it was only to be read";

  ASSERT_NO_FATAL_FAILURE(open_at(store));

  EXPECT_EQ(list({.user = alice}).total_count, events_);
}

TEST_F(RocksLogOverwriteTest, ATornLastCommitIsLostAlone) {
  const auto store = crashed();
  const auto log = newest_log(store);
  const auto end = persistence::find_tail(bytes_of(log)).end;
  lose(log, (end / sector - 2) * sector, sector);
  EXPECT_TRUE(is_sound(store));

  ASSERT_NO_FATAL_FAILURE(open_at(store));

  EXPECT_EQ(list({.user = alice}).total_count, events_ - 1);
  publish_large();
  ASSERT_NO_FATAL_FAILURE(open_at(store));
  EXPECT_EQ(list({.user = alice}).total_count, events_ - 1);
  EXPECT_TRUE((store_.reset(), is_sound(store)));
}

TEST_F(RocksLogOverwriteTest, AHoleBeforeTheLastCommitIsDamage) {
  const auto store = crashed();
  const auto log = newest_log(store);
  lose(log, sector, sector);

  EXPECT_FALSE(is_sound(store));
  const auto opened = open_result(store);

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, make_error_code(engine::Errc::corrupt));
  EXPECT_THAT(opened.error().text(), HasSubstr(log.filename().string()));
}

// Names the fault: retention's writes are synced with the commit that follows. If a crash comes
// before that sync, the commit may be there and they not.
TEST_F(RocksLogOverwriteTest, AHoleInWhatWasToBeSyncedWithTheLastCommitIsNone) {
  store_->set_retention({.events_per_user = 1});
  const auto log = newest_log(path_);
  const auto begin = persistence::find_tail(bytes_of(log)).end;
  auto end = begin;
  for (; end < begin + 4 * sector; end = persistence::find_tail(bytes_of(log)).end)
    ASSERT_TRUE(store_->retain(at_us(0), std::chrono::microseconds{0}));
  publish_large();
  ASSERT_EQ(newest_log(path_), log);
  const auto hole = (begin / sector + 1) * sector;
  const auto store = crashed();
  lose(newest_log(store), hole, sector);
  EXPECT_TRUE(is_sound(store));

  publish_large();  // its sync came back, so that of the commit before did
  ASSERT_EQ(newest_log(path_), log);
  const auto later = dir_ / "later";
  fs::copy(path_, later);
  lose(newest_log(later), hole, sector);

  EXPECT_TRUE(open_result(store));
  EXPECT_FALSE(open_result(later));
}

TEST_F(RocksLogOverwriteTest, AnOrderlyEndLeavesNoSpare) {
  store_.reset();
  EXPECT_FALSE(fs::exists(path_ + "/carillon.spare"));
}

// Names the fault: of a log that grows over zeros a copy may hold what was written later and
// lack what was written before.
TEST_F(RocksLogOverwriteTest, ABackupAmidCommitsIsSound) {
  std::atomic<bool> ended{false};
  std::thread writer{[&] {
    for (int i = 0; i < 300; ++i)
      publish_large();
    ended.store(true);
  }};
  int backups = 0;
  for (; !ended.load(); ++backups) {
    const auto backup = dir_ / ("backup-" + std::to_string(backups));
    const auto made = store_->backup(backup);
    EXPECT_TRUE(made) << made.error().text();
    const auto restored = dir_ / ("restored-" + std::to_string(backups));
    const auto taken = persistence::restore_backup(backup, restored);
    EXPECT_TRUE(taken) << taken.error().text();
    EXPECT_TRUE(is_sound(restored)) << backups;
    fs::remove_all(backup);
    fs::remove_all(restored);
  }
  writer.join();
  EXPECT_GT(backups, 0);
}

}  // namespace
}  // namespace carillon::testing
