// Goal: after a failed write the store recovers without a restart, and applies the
// batch once, whether or not its record had reached the log.
// Method: a file system under RocksDB that fails writes and syncs of the log.
#include "persistence/src/rocks_store.hpp"
#include "tests/persistence/failing_env.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <filesystem>
#include <mutex>

namespace carillon::testing {
namespace {

using Fault = FailingFileSystem::Fault;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const engine::UserId alice = numbered(1);

class RocksRecoveryTest : public StoreTest, public ::testing::WithParamInterface<Fault> {
 protected:
  void SetUp() override { open_failing(); }
  void TearDown() override { store_.reset(); }  // before the file system

  void open_failing() {
    auto options = small_rocksdb(dir_ / "store");
    options.log = [this](engine::LogLevel level, std::string_view message,
                         std::span<const engine::LogField> fields) {
      const std::lock_guard lock{warned_mutex_};
      if (level == engine::LogLevel::warning)
        warned_.append(message).append(": ").append(fields[0].value).append("\n");
    };
    auto opened = persistence::RocksStore::open(dir_ / "store", options, env_.get());
    ASSERT_TRUE(opened) << opened.error().text();
    store_ = std::move(*opened);
  }

  const std::shared_ptr<FailingFileSystem> disk_ = std::make_shared<FailingFileSystem>();
  const std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);

  std::string warned() {
    const std::lock_guard lock{warned_mutex_};
    return warned_;
  }

 private:
  std::mutex warned_mutex_;
  std::string warned_;
};
INSTANTIATE_TEST_SUITE_P(Append, RocksRecoveryTest, ::testing::Values(Fault::append));
INSTANTIATE_TEST_SUITE_P(HalfAnAppend, RocksRecoveryTest, ::testing::Values(Fault::append_half));
INSTANTIATE_TEST_SUITE_P(Sync, RocksRecoveryTest, ::testing::Values(Fault::sync));

TEST_P(RocksRecoveryTest, AppliesTheBatchOnceWhenTheDiskWorksAgain) {
  const auto event = publish({.owner = alice});
  const auto deleted = publish({.owner = alice});
  auto batch = std::vector<engine::LogEntry>{};
  batch.push_back(entry(EventSpec{.owner = alice}));
  batch.push_back(entry(engine::Change{.user = alice, .ids = {event->id()}}));
  batch.push_back(entry(
      engine::Change{.kind = engine::Change::Kind::remove, .user = alice, .ids = {deleted->id()}}));

  disk_->fail(GetParam());
  EXPECT_FALSE(store_->commit(batch));
  EXPECT_FALSE(store_->health().writable);
  disk_->fail(Fault::none);
  commit(batch);

  EXPECT_TRUE(store_->health().writable);
  EXPECT_THAT(batch[1].change->affected, ElementsAre(event->id()));
  EXPECT_THAT(batch[2].change->affected, ElementsAre(deleted->id()));
  publish({.owner = alice});
  for (int life = 0; life < 3; ++life) {
    const auto page = list({.user = alice});
    EXPECT_EQ(page.total_count, 3U);
    EXPECT_EQ(page.read_count, 1U);
    EXPECT_EQ(page.events.size(), 3U);
    store_.reset();
    ASSERT_NO_FATAL_FAILURE(open_failing());
  }
}

TEST_P(RocksRecoveryTest, AppliesTheBatchOnceWhenTheVeryFirstWriteFails) {
  auto batch = std::vector<engine::LogEntry>{};
  batch.push_back(entry(EventSpec{.owner = alice}));

  disk_->fail(GetParam());
  EXPECT_FALSE(store_->commit(batch));
  disk_->fail(Fault::none);
  commit(batch);

  EXPECT_EQ(list({.user = alice}).total_count, 1U);
  store_.reset();
  ASSERT_NO_FATAL_FAILURE(open_failing());
  EXPECT_EQ(list({.user = alice}).total_count, 1U);
}

TEST_P(RocksRecoveryTest, ServesReadsWhileItCannotWrite) {
  publish({.owner = alice});
  auto batch = std::vector<engine::LogEntry>{};
  batch.push_back(entry(EventSpec{.owner = alice}));

  disk_->fail(GetParam());
  EXPECT_FALSE(store_->commit(batch));

  EXPECT_THAT(listed({.user = alice}), ElementsAre(100));
  disk_->fail(Fault::none);
  commit(batch);
  EXPECT_THAT(listed({.user = alice}), ElementsAre(101, 100));
}

// A diary of RocksDB's own would meet the full disk as well, and abort the process then.
TEST_P(RocksRecoveryTest, HearsOfTheFailureFromRocksdbWhichKeepsNoDiary) {
  const std::vector batch{entry(EventSpec{.owner = alice})};

  disk_->fail(GetParam());
  EXPECT_FALSE(store_->commit(batch));
  disk_->fail(Fault::none);
  commit(batch);

  EXPECT_THAT(warned(), HasSubstr("RocksDB warns: "));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "store/LOG"));
}

}  // namespace
}  // namespace carillon::testing
