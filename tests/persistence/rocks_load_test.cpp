// What RocksDB's state of merging looks like from outside.
#include "persistence/src/rocks_tables.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace carillon::testing {
namespace {

using persistence::RocksTables;
using persistence::Table;
using persistence::WriteStall;

/// The operating system as RocksDB sees it, with compactions that wait.
class HeldCompactions final : public rocksdb::EnvWrapper {
 public:
  HeldCompactions() : EnvWrapper{rocksdb::Env::Default()} {}
  [[nodiscard]] const char* Name() const override { return "carillon.held_compactions"; }

  void Schedule(void (*run)(void*),
                void* argument,
                Priority priority,
                void* tag,
                void (*cancel)(void*)) override {
    {
      const std::lock_guard lock{mutex_};
      if (held_ && priority == LOW) {
        waiting_.push_back([=, this] { target()->Schedule(run, argument, LOW, tag, cancel); });
        return;
      }
    }
    target()->Schedule(run, argument, priority, tag, cancel);
  }
  void release() {
    const std::lock_guard lock{mutex_};
    held_ = false;
    for (const auto& schedule : waiting_)
      schedule();
    waiting_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;
  bool held_ = true;
};

class RocksLoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = RocksTables::open(dir_ / "store", small_rocksdb(dir_ / "store"), &env_);
    ASSERT_TRUE(opened) << opened.error().text();
    tables_ = std::move(*opened);
  }
  void TearDown() override { env_.release(); }

  void set_triggers(const std::string& slowdown, const std::string& stop) {
    ASSERT_TRUE(tables_->db()
                    .SetOptions(events(), {{"level0_file_num_compaction_trigger", "2"},
                                           {"level0_slowdown_writes_trigger", slowdown},
                                           {"level0_stop_writes_trigger", stop}})
                    .ok());
  }
  void write_files(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(tables_->db().Put({}, events(), std::string(24, 'k'), "row").ok());
      rocksdb::FlushOptions flush;
      flush.allow_write_stall = true;
      ASSERT_TRUE(tables_->db().Flush(flush, events()).ok());
    }
  }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* events() const {
    return tables_->handle(Table::events);
  }

  TempDir dir_;
  HeldCompactions env_;
  std::unique_ptr<RocksTables> tables_;
};

TEST_F(RocksLoadTest, IsNotStalledWhileNothingIsPending) {
  const auto load = tables_->load();

  EXPECT_EQ(load.stall, WriteStall::none);
  EXPECT_EQ(load.unmerged_files, 0U);
  EXPECT_EQ(load.delayed_byte_rate, 0U);
}

TEST_F(RocksLoadTest, TellsThatWritesAreSlowedDownAndLetGoAgain) {
  set_triggers("2", "9");
  write_files(3);

  EXPECT_EQ(tables_->load().stall, WriteStall::delayed);
  EXPECT_EQ(tables_->load().unmerged_files, 3U);
  EXPECT_GT(tables_->load().delayed_byte_rate, 0U);

  env_.release();
  ASSERT_TRUE(tables_->db().CompactRange({}, events(), nullptr, nullptr).ok());
  EXPECT_EQ(tables_->load().stall, WriteStall::none);
  EXPECT_EQ(tables_->load().unmerged_files, 0U);
}

TEST_F(RocksLoadTest, TellsThatWritesAreStopped) {
  set_triggers("2", "3");
  write_files(3);

  EXPECT_EQ(tables_->load().stall, WriteStall::stopped);
}

}  // namespace
}  // namespace carillon::testing
