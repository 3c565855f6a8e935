#include "carillon/persistence/inbox_reader.hpp"

#include "carillon/persistence/open_store.hpp"
#include "tests/persistence/fake_store.hpp"
#include "tests/persistence/recording_observer.hpp"
#include "tests/support/log_entries.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <limits>
#include <thread>

namespace carillon::testing {
namespace {

using engine::Errc;
using engine::make_error_code;
using persistence::InboxReader;
using persistence::StoreReaders;
using persistence::WriteBehind;

class InboxReaderTest : public ::testing::Test {
 protected:
  void TearDown() override {
    store_.release();
    readers_.stop();
  }

  FakeStore store_;
  StoreReaders readers_{{.threads = 1, .waiting_max = 2}};
  WriteBehind writer_{
      store_, readers_, {.shards = 1, .retry_wait_min = std::chrono::milliseconds{1}}};
  InboxReader inbox_{store_, readers_, writer_};
};

TEST_F(InboxReaderTest, AnswersOnAnotherThread) {
  std::promise<std::thread::id> answered;
  inbox_.list({}, [&](auto page) {
    EXPECT_EQ(page->total_count, 42U);
    answered.set_value(std::this_thread::get_id());
  });

  EXPECT_NE(answered.get_future().get(), std::this_thread::get_id());
}

TEST_F(InboxReaderTest, PassesOnWhatTheStoreAnswers) {
  std::promise<std::error_code> get;
  inbox_.get({}, {}, [&](auto json) { get.set_value(json.error().code); });
  EXPECT_EQ(get.get_future().get(), make_error_code(Errc::not_found));

  std::promise<bool> aggregate;
  inbox_.aggregate({}, [&](auto sums) { aggregate.set_value(static_cast<bool>(sums)); });
  EXPECT_TRUE(aggregate.get_future().get());

  std::promise<bool> kinds;
  inbox_.kinds({}, [&](auto found) { kinds.set_value(found && found->empty()); });
  EXPECT_TRUE(kinds.get_future().get());
}

TEST_F(InboxReaderTest, RefusesReadsBeyondItsBoundAndRunsThoseItAccepted) {
  store_.hold();
  std::atomic<int> answered{0};
  std::atomic<int> refused{0};
  const auto ask = [&] {
    inbox_.list({}, [&](auto page) {
      (page ? answered : refused).fetch_add(1);
      if (!page) {
        EXPECT_EQ(page.error().code, make_error_code(Errc::unavailable));
      }
    });
  };
  // One under way (which may still wait when the next are asked), two waiting.
  for (int i = 0; i < 4; ++i)
    ask();
  EXPECT_GE(refused.load(), 1);
  store_.release();
  readers_.stop();

  EXPECT_EQ(answered.load() + refused.load(), 4);
  EXPECT_GE(answered.load(), 2);
  ask();
  EXPECT_EQ(answered.load() + refused.load(), 5);
}

TEST_F(InboxReaderTest, IsUnwellWhileTheWriterIs) {
  RecordingObserver observer;
  writer_.attach(observer);
  EXPECT_TRUE(inbox_.health().writable);
  store_.fail_next(std::numeric_limits<std::size_t>::max());
  auto entry = change_entry(1, {});
  writer_.append(0, {&entry, 1});
  store_.wait_for_attempts(2);

  EXPECT_FALSE(inbox_.health().writable);
  store_.fail_next(0);
  observer.wait_for_committed(1);
  EXPECT_TRUE(inbox_.health().writable);
  writer_.stop(std::chrono::milliseconds{0});
}

}  // namespace
}  // namespace carillon::testing
