// Backups of a store that is served: on a reader thread, one at a time.
#include "carillon/persistence/online_backup.hpp"

#include "carillon/persistence/store_backup.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <filesystem>
#include <fstream>
#include <future>

namespace carillon::testing {
namespace {

namespace fs = std::filesystem;
using engine::Errc;
using engine::make_error_code;
using engine::Result;
using persistence::OnlineBackup;

const engine::UserId alice = numbered(1);

class OnlineBackupTest : public StoreTest {
 protected:
  void SetUp() override {
    open(small_rocksdb(dir_ / "store"));
    online_.emplace(*store_, readers_);
  }

  Result<std::uint64_t> back_up(const std::string& directory) {
    std::promise<Result<std::uint64_t>> told;
    online_->begin(directory, [&](Result<std::uint64_t> bytes) { told.set_value(bytes); });
    return told.get_future().get();
  }

  persistence::StoreReaders readers_{{.threads = 1}};
  std::optional<OnlineBackup> online_;
  const std::string backup_ = dir_ / "backup";
};

TEST_F(OnlineBackupTest, SaysHowManyBytesTheBackupHas) {
  publish({.owner = alice});

  const auto bytes = back_up(backup_);

  ASSERT_TRUE(bytes) << bytes.error().text();
  std::uint64_t there = 0;
  for (const auto& file : fs::directory_iterator{backup_})
    there += file.file_size();
  EXPECT_EQ(*bytes, there);
  EXPECT_GT(*bytes, 0U);
}

TEST_F(OnlineBackupTest, RefusesASecondOneUntilTheFirstHasEnded) {
  std::promise<void> release;
  ASSERT_TRUE(readers_.post([gate = release.get_future().share()] { gate.wait(); }));
  std::promise<void> first;
  online_->begin(backup_, [&](const Result<std::uint64_t>&) { first.set_value(); });

  const auto second = back_up(dir_ / "second");
  release.set_value();
  first.get_future().wait();
  const auto third = back_up(dir_ / "third");

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, make_error_code(Errc::locked));
  EXPECT_NE(second.error().text().find(backup_), std::string::npos);
  EXPECT_FALSE(fs::exists(dir_ / "second"));
  EXPECT_TRUE(third);
}

TEST_F(OnlineBackupTest, GoesOnAfterOneThatFailed) {
  fs::create_directories(dir_ / "taken/by");

  const auto refused = back_up(dir_ / "taken");
  const auto made = back_up(backup_);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, make_error_code(Errc::invalid_argument));
  EXPECT_TRUE(made);
}

TEST_F(OnlineBackupTest, IsRefusedByTheStoreInMemory) {
  open({.url = "memory:"});
  online_.emplace(*store_, readers_);

  const auto refused = back_up(backup_);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, make_error_code(Errc::unsupported));
}

}  // namespace
}  // namespace carillon::testing
