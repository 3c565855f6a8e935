#include "carillon/persistence/write_behind.hpp"

#include "carillon/persistence/open_store.hpp"
#include "tests/persistence/fake_store.hpp"
#include "tests/persistence/recording_observer.hpp"
#include "tests/support/log_entries.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <limits>
#include <thread>

namespace carillon::testing {
namespace {

using engine::Sequence;
using engine::ShardIndex;
using persistence::StoreReaders;
using persistence::WriteBehind;
using persistence::WriteBehindOptions;
using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::chrono::hours unlimited{1};

class WriteBehindTest : public ::testing::Test {
 protected:
  void start(WriteBehindOptions options = {.shards = 2}) {
    options.retry_wait_min = milliseconds{1};
    options.retry_wait_max = milliseconds{2};
    log_.emplace(store_, readers_, options,
                 [this](engine::LogLevel, std::string_view message, auto) {
                   const std::lock_guard lock{lines_mutex_};
                   lines_.emplace_back(message);
                 });
    log_->attach(observer_);
  }
  void TearDown() override {
    store_.release();
    log_.reset();
    readers_.stop();
  }

  static engine::LogEntry entry(Sequence sequence, ShardIndex shard, std::uint32_t bytes = 10) {
    auto logged = change_entry(sequence, {}, 0, shard);
    logged.bytes = bytes;
    return logged;
  }
  void append(ShardIndex shard,
              std::initializer_list<Sequence> sequences,
              std::uint32_t bytes = 10) {
    std::vector<engine::LogEntry> batch;
    for (const auto sequence : sequences)
      batch.push_back(entry(sequence, shard, bytes));
    log_->append(shard, batch);
  }
  /// The writer holds the commit of one entry, so that what follows piles up.
  void pile_up_behind(Sequence sequence) {
    store_.hold();
    append(0, {sequence});
    store_.wait_until_held();
  }

  /// Waits until the log says that it is well, or unwell.
  [[nodiscard]] bool becomes_writable(bool writable) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    while (log_->health().writable != writable) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

  FakeStore store_;
  StoreReaders readers_;
  RecordingObserver observer_;
  std::optional<WriteBehind> log_;
  std::mutex lines_mutex_;
  std::vector<std::string> lines_;
};

TEST_F(WriteBehindTest, LetsTheStoreRemoveEventsUntilNoneAreDue) {
  store_.have_events_to_remove(5);
  start();

  // Five at once, and another when the next event is due, though nothing is appended.
  EXPECT_TRUE(store_.wait_for_retentions(6));
}

TEST_F(WriteBehindTest, LetsTheStoreRemoveEventsBehindACommit) {
  start();
  ASSERT_TRUE(store_.wait_for_retentions(1));
  append(0, {1});

  EXPECT_TRUE(store_.wait_for_retentions(2));
  EXPECT_LE(store_.longest_slice(), milliseconds{2});
}

TEST_F(WriteBehindTest, GivesRetentionThatIsBehindMoreTimeWhileNothingIsToBeCommitted) {
  store_.have_events_to_remove(5);
  start();
  ASSERT_TRUE(store_.wait_for_retentions(6));
  EXPECT_EQ(store_.longest_slice(), milliseconds{2});

  store_.have_events_to_remove(5, /*behind=*/true);
  log_->set_retention({.events_per_user = 1});

  ASSERT_TRUE(store_.wait_for_retentions(11));
  EXPECT_EQ(store_.longest_slice(), milliseconds{10});
}

TEST_F(WriteBehindTest, LetsTheStoreRemoveEventsWhenItsRetentionChanges) {
  start();
  ASSERT_TRUE(store_.wait_for_retentions(1));

  log_->set_retention({.events_per_user = 1});

  EXPECT_TRUE(store_.wait_for_retentions(2));
}

TEST_F(WriteBehindTest, TellsTheStoresOrigin) {
  start();

  EXPECT_EQ(log_->origin().first_sequence, 100U);
  EXPECT_EQ(log_->origin().last_broadcast, 3U);
}

TEST_F(WriteBehindTest, ReportsAnEntryOnlyAfterItsCommit) {
  start();
  pile_up_behind(1);

  EXPECT_THAT(observer_.committed(), IsEmpty());
  EXPECT_EQ(log_->watermark(0), 0U);
  EXPECT_EQ(log_->metrics().queued_entries, 1U);
  EXPECT_EQ(log_->metrics().queued_bytes, 10U);
  store_.release();

  EXPECT_THAT(observer_.wait_for_committed(1), SizeIs(1));
  EXPECT_EQ(log_->watermark(0), 1U);
  EXPECT_EQ(log_->watermark(1), 0U);
}

TEST_F(WriteBehindTest, TakesWhateverCameWhileTheLastCommitRan) {
  start();
  pile_up_behind(1);
  append(0, {2, 3});
  append(1, {10});
  append(0, {4});
  store_.release();
  observer_.wait_for_committed(5);

  EXPECT_THAT(store_.commits(), ElementsAre(ElementsAre(1), ElementsAre(2, 3, 10, 4)));
  const auto metrics = log_->metrics();
  EXPECT_EQ(metrics.commits_total, 2U);
  EXPECT_EQ(metrics.committed_total, 5U);
  EXPECT_EQ(metrics.batch_entries_last, 4U);
  EXPECT_EQ(metrics.batch_entries[0], 1U);  // the commit of one entry
  EXPECT_EQ(metrics.batch_entries[1], 1U);  // that of four
  EXPECT_EQ(metrics.queued_bytes, 0U);
}

// Names the fault: a user marks a broadcast that it heard live; were the mark
// (its shard's) committed before the broadcast (shard 0's), it would find nothing.
TEST_F(WriteBehindTest, KeepsTheOrderOfAppendsAcrossShardsWhateverTheBatchSize) {
  start({.shards = 2, .batch_entries_max = 3});
  pile_up_behind(1);
  append(0, {2, 3, 4, 5, 6});
  append(1, {10});
  append(0, {7, 8});
  append(1, {11});
  store_.release();
  observer_.wait_for_committed(10);

  EXPECT_THAT(store_.commits(), ElementsAre(ElementsAre(1), ElementsAre(2, 3, 4),
                                            ElementsAre(5, 6, 10), ElementsAre(7, 8, 11)));
}

TEST_F(WriteBehindTest, ExceedsTheBytesOfABatchByOneEntryAtMost) {
  start({.shards = 1, .batch_bytes_max = 100});
  pile_up_behind(1);
  append(0, {2, 3, 4, 5}, /*bytes=*/60);
  store_.release();
  observer_.wait_for_committed(5);

  EXPECT_THAT(store_.commits(), ElementsAre(ElementsAre(1), ElementsAre(2, 3), ElementsAre(4, 5)));
}

TEST_F(WriteBehindTest, TriesTheSameBatchUntilItSucceedsAndSaysSoOnce) {
  start();
  store_.fail_next(5);
  append(0, {1, 2});
  observer_.wait_for_committed(2);

  EXPECT_THAT(store_.commits(), ElementsAre(ElementsAre(1, 2)));
  EXPECT_EQ(log_->metrics().commit_failures_total, 5U);
  EXPECT_TRUE(log_->health().writable);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("trying again"), HasSubstr("durable again")));
}

TEST_F(WriteBehindTest, IsUnwellWithTheReasonWhileCommitsFail) {
  start();
  store_.fail_next(std::numeric_limits<std::size_t>::max());
  append(0, {1});
  store_.wait_for_attempts(2);

  EXPECT_FALSE(log_->health().writable);
  EXPECT_THAT(log_->health().reason, HasSubstr("the disk is full"));
  store_.fail_next(0);
  observer_.wait_for_committed(1);
  EXPECT_TRUE(log_->health().writable);
}

TEST_F(WriteBehindTest, IsUnwellWhileACommitHangs) {
  start({.shards = 2, .hang_after = milliseconds{1}});
  EXPECT_TRUE(log_->health().writable);
  pile_up_behind(1);

  EXPECT_TRUE(becomes_writable(false));
  EXPECT_THAT(log_->health().reason, HasSubstr("A commit has been running for more than"));
  store_.release();
  observer_.wait_for_committed(1);
  EXPECT_TRUE(becomes_writable(true));
  const std::lock_guard lock{lines_mutex_};
  EXPECT_THAT(lines_, Contains(HasSubstr("a commit hung")));
}

TEST_F(WriteBehindTest, IsWellWhileACommitTakesItsTime) {
  start({.shards = 2, .hang_after = unlimited});
  pile_up_behind(1);
  EXPECT_TRUE(log_->health().writable);
}

TEST_F(WriteBehindTest, StopCommitsWhatIsLeft) {
  start();
  pile_up_behind(1);
  append(1, {10, 11});
  auto stopped = std::async(std::launch::async, [this] { log_->stop(milliseconds{0}); });
  store_.release();
  stopped.get();

  EXPECT_THAT(observer_.committed(), SizeIs(3));
  EXPECT_THAT(observer_.abandoned(), IsEmpty());
}

TEST_F(WriteBehindTest, StopGivesUpAtItsDeadlineAndSaysWhatIsLost) {
  start({.shards = 2, .batch_entries_max = 1});
  store_.fail_next(std::numeric_limits<std::size_t>::max());
  append(0, {1});
  store_.wait_for_attempts(1);
  append(1, {10});
  log_->stop(milliseconds{0});

  EXPECT_THAT(observer_.committed(), IsEmpty());
  EXPECT_THAT(observer_.abandoned(), SizeIs(2));
  EXPECT_EQ(log_->metrics().abandoned_total, 2U);
  EXPECT_EQ(log_->metrics().queued_bytes, 0U);
}

TEST_F(WriteBehindTest, StopTellsThatACommitHangsAndCanBeCalledAgain) {
  start({.shards = 2, .hang_after = milliseconds{1}});
  pile_up_behind(1);
  append(1, {10});

  EXPECT_FALSE(log_->stop(milliseconds{0}));
  EXPECT_THAT(observer_.abandoned(), IsEmpty());
  store_.release();
  while (!log_->stop(milliseconds{0})) {  // the next commit may take a millisecond, too
  }
  EXPECT_THAT(observer_.committed(), SizeIs(2));
}

TEST_F(WriteBehindTest, StopWaitsForTheDiskAsLongAsItHasPatience) {
  start();
  store_.fail_next(20);
  append(0, {1});
  EXPECT_TRUE(log_->stop(unlimited));

  EXPECT_THAT(observer_.committed(), SizeIs(1));
}

TEST_F(WriteBehindTest, StopsWithoutEverHavingWorked) {
  start();
  log_->stop(unlimited);
  log_->stop(unlimited);

  EXPECT_THAT(store_.commits(), IsEmpty());
}

TEST_F(WriteBehindTest, PassesOnThatAStoreCannotTellWhetherItHasAnId) {
  start();
  std::promise<bool> known;
  log_->find({}, {}, [&](auto found) { known.set_value(static_cast<bool>(found)); });

  EXPECT_FALSE(known.get_future().get());
}

TEST_F(WriteBehindTest, AnswersALookupEvenWhenTheReadersHaveStopped) {
  start();
  readers_.stop();
  std::optional<std::error_code> error;
  log_->find({}, {}, [&](auto found) { error = found.error().code; });

  EXPECT_EQ(error, make_error_code(engine::Errc::closed));
}

}  // namespace
}  // namespace carillon::testing
