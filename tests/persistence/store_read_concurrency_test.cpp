// Goal: a read from columns sees a commit boundary, and every commit that returned before
// it began, whatever is committed, built and evicted at the same time.
// Method: each commit does the same to one user and to the broadcasts, so that the
// position on a page says what its totals must be. Mutations that it found: a commit's
// rows shown before its columns are applied, and a build that ends without the commits
// that it missed.
#include "tests/persistence/store_fixture.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace carillon::testing {
namespace {

using engine::Change;
using engine::Filter;
using engine::ListQuery;
using engine::Sequence;
using engine::Status;

constexpr Sequence first_sequence = 1'000;
constexpr Sequence commit_sequences = 100;  // that each commit takes its own from
constexpr std::uint64_t own_each = 6;
constexpr std::uint64_t broadcasts_each = 3;
constexpr std::uint64_t read_each = 4;  // of the latest commit's: two own, two broadcasts

class StoreReadConcurrencyTest : public StoreTest {
 protected:
  void SetUp() override {
    auto options = small_rocksdb(dir_ / "store");
    options.columns_events_min = 1;
    options.columns_chunk_rows = 16;
    open(options);
  }

  std::vector<engine::LogEntry> commit_number(std::uint64_t number) {
    next_ = first_sequence + number * commit_sequences;
    std::vector<engine::LogEntry> batch;
    std::vector<engine::EventId> ids;
    for (std::uint64_t i = 0; i < own_each + broadcasts_each; ++i) {
      const auto at = static_cast<std::int64_t>(next_);
      batch.push_back(entry(EventSpec{
          .owner = i < own_each ? user_ : nobody, .description = "Needle", .created_at_us = at}));
      if (i % 3 == 0 || i + 1 == own_each + broadcasts_each)
        ids.push_back(batch.back().event->id());
    }
    batch.push_back(entry(Change{.user = user_, .ids = std::move(ids)}));
    for (std::uint8_t other = 0; other < 3; ++other)
      batch.push_back(entry(EventSpec{.owner = numbered(static_cast<std::uint8_t>(50 + other))}));
    return batch;
  }

  void check(const engine::EventPage& page, std::uint64_t done_before) {
    const auto position = page.cursor.position;
    const auto commits = position.user < first_sequence
                             ? 0
                             : (position.user - first_sequence) / commit_sequences + 1;
    ASSERT_GE(commits, done_before);
    ASSERT_EQ(page.total_count, commits * (own_each + broadcasts_each));
    ASSERT_EQ(page.read_count, commits * read_each);
    ASSERT_EQ(page.events.size(), std::min<std::uint64_t>(page.total_count, 25));
    if (commits == 0) return;
    // The change is the commit's latest entry of this user.
    ASSERT_EQ((position.user - first_sequence) % commit_sequences, own_each + broadcasts_each);
    ASSERT_EQ((position.broadcast - first_sequence) / commit_sequences + 1, commits);
  }

  const engine::UserId user_ = numbered(1);
};

TEST_F(StoreReadConcurrencyTest, EachReadSeesOneCommitBoundary) {
  constexpr std::uint64_t commits = 150;
  std::atomic<std::uint64_t> done{0};
  std::atomic<bool> ended{false};
  const auto read = [&](ListQuery query) {
    while (!ended.load(std::memory_order_acquire)) {
      const auto before = done.load(std::memory_order_acquire);
      const auto page = store_->list(query);
      ASSERT_TRUE(page) << page.error().text();
      ASSERT_NO_FATAL_FAILURE(check(*page, before));
    }
  };
  Filter needle;
  needle.search = "needle";
  std::vector<std::thread> readers;
  readers.emplace_back(read, ListQuery{.user = user_, .filter = needle});
  readers.emplace_back(read, ListQuery{.user = user_, .sort = engine::SortKey::created_at});
  // Reads that build other inboxes meanwhile.
  readers.emplace_back([&] {
    for (std::uint8_t other = 0; !ended.load(std::memory_order_acquire); ++other) {
      const auto page = store_->list(
          {.user = numbered(static_cast<std::uint8_t>(50 + other % 3)), .filter = needle});
      ASSERT_TRUE(page) << page.error().text();
    }
  });

  for (std::uint64_t number = 0; number < commits; ++number) {
    commit(commit_number(number));
    done.store(number + 1, std::memory_order_release);
  }
  // The readers may only begin now.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (store_->load().columns_built_total == 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  ended.store(true, std::memory_order_release);
  for (auto& reader : readers)
    reader.join();

  EXPECT_GT(store_->load().columns_built_total, 0U);
  check(list({.user = user_, .filter = needle}), commits);
}

}  // namespace
}  // namespace carillon::testing
