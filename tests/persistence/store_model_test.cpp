// Goal: whatever happens in whatever order, a store answers what a naive model
// does: lists, counts, kinds, positions, affected ids.
// Method: random batches over few users and few values, so that filters, ties and
// repeated ids collide; random queries in between; the durable kind is closed and
// opened now and then. CARILLON_SEED repeats a run.
#include "tests/persistence/inbox_model.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <cstdlib>
#include <random>

namespace carillon::testing {
namespace {

using engine::Change;
using engine::EventId;
using engine::Filter;
using engine::ListQuery;
using engine::Position;
using engine::SortKey;
using engine::Status;
using ::testing::ElementsAreArray;
using ::testing::UnorderedElementsAreArray;

std::uint64_t seed_of_this_run() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read before any thread is started
  const char* given = std::getenv("CARILLON_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device{}();
}

class StoreModelTest : public StoreConformanceTest {
 protected:
  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random_);
  }
  bool chance(std::size_t percent) { return below(100) < percent; }
  engine::UserId some_user() { return numbered(static_cast<std::uint8_t>(1 + below(3))); }
  std::string some_word() { return std::vector<std::string>{"a", "a_b", "b", "c"}[below(4)]; }
  engine::Severity some_severity() { return engine::all_severities[below(3)]; }
  Status some_status() { return chance(50) ? Status::read : Status::unread; }
  engine::Uuid some_uuid() { return numbered(static_cast<std::uint8_t>(200 + below(3))); }
  EventId some_id() {
    return ids_.empty() || chance(10) ? engine::make_uuid_v4() : ids_[below(ids_.size())];
  }
  Position some_position() { return {.user = below(next_ + 5), .broadcast = below(next_ + 5)}; }

  Filter some_filter() {
    Filter filter;
    if (chance(30)) filter.categories = {some_word(), some_word()};
    if (chance(20)) filter.actions = {some_word()};
    if (chance(30)) filter.severities = {some_severity()};
    if (chance(15)) filter.acted_upon = {some_uuid()};
    if (chance(10)) filter.system_ids = {some_uuid()};
    if (chance(10)) filter.owners = {some_user()};
    if (chance(30)) filter.status = some_status();
    if (chance(15)) filter.search = some_word();
    if (chance(15)) filter.from = at_us(static_cast<std::int64_t>(below(10)));
    if (chance(15)) filter.to = at_us(static_cast<std::int64_t>(below(10)));
    return filter;
  }

  engine::LogEntry some_entry() {
    if (chance(70)) {
      auto logged = entry(EventSpec{.owner = chance(25) ? nobody : some_user(),
                                    .category = some_word(),
                                    .action = some_word(),
                                    .severity = some_severity(),
                                    .status = chance(90) ? Status::unread : Status::read,
                                    .description = some_word() + " \"" + some_word(),
                                    .acted_upon = some_uuid(),
                                    .system_id = some_uuid(),
                                    .created_at_us = static_cast<std::int64_t>(below(10))});
      ids_.push_back(logged.event->id());
      return logged;
    }
    Change change{.kind = chance(40) ? Change::Kind::remove : Change::Kind::set_status,
                  .user = some_user(),
                  .status = some_status()};
    if (chance(70)) {
      for (auto count = 1 + below(4); count > 0; --count)
        change.ids.push_back(some_id());
    } else {
      change.filter = some_filter();
      if (chance(50)) change.up_to = some_position();
    }
    return change_entry(next_++, std::move(change), static_cast<std::int64_t>(below(15)));
  }

  void commit_some() {
    std::vector<engine::LogEntry> batch;
    for (auto count = 1 + below(20); count > 0; --count)
      batch.push_back(some_entry());
    commit(batch);
    for (const auto& logged : batch) {
      const auto expected = model_.apply(logged);
      if (!logged.change) continue;
      ASSERT_THAT(logged.change->affected, UnorderedElementsAreArray(expected));
    }
  }

  void compare_lists() {
    ListQuery query{.user = chance(95) ? some_user() : nobody,
                    .filter = chance(30) ? Filter{} : some_filter(),
                    .sort = chance(50) ? SortKey::created_at : SortKey::updated_at,
                    .descending = chance(50),
                    .page = below(4),
                    .page_size = 1 + below(30)};
    if (chance(25)) query.after = some_position();
    if (chance(25)) query.before = some_position();
    const auto page = list(query);
    const auto expected = model_.page(query);
    ASSERT_THAT(page.events, ElementsAreArray(expected.events));
    ASSERT_EQ(page.total_count, expected.total_count);
    ASSERT_EQ(page.read_count, expected.read_count);
    ASSERT_EQ(page.count_by_severity, expected.count_by_severity);
    ASSERT_EQ(page.cursor.position, expected.cursor.position);
  }

  void compare_sums() {
    const auto user = some_user();
    const auto sums = store_->aggregate(user);
    ASSERT_TRUE(sums) << sums.error().text();
    const auto expected = model_.aggregate(user);
    ASSERT_EQ(sums->total, expected.total);
    ASSERT_EQ(sums->by_status, expected.by_status);
    ASSERT_EQ(sums->by_severity, expected.by_severity);
    ASSERT_EQ(sums->by_category, expected.by_category);
    ASSERT_THAT(*store_->kinds(user), ElementsAreArray(model_.kinds(user)));
  }

  void compare_for(int rounds) {
    SCOPED_TRACE("CARILLON_SEED=" + std::to_string(seed_));
    RecordProperty("seed", std::to_string(seed_));
    for (int round = 0; round < rounds; ++round) {
      ASSERT_NO_FATAL_FAILURE(commit_some());
      for (int query = 0; query < 4; ++query)
        ASSERT_NO_FATAL_FAILURE(compare_lists());
      ASSERT_NO_FATAL_FAILURE(compare_sums());
      if (!outlives_the_process() || !chance(5)) continue;
      ASSERT_NO_FATAL_FAILURE(reopen());
    }
  }

  const std::uint64_t seed_ = seed_of_this_run();
  std::mt19937_64 random_{seed_};
  std::vector<EventId> ids_;
  InboxModel model_;
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreModelTest, ::testing::ValuesIn(kinds_under_test()));

TEST_P(StoreModelTest, AnswersWhatANaiveModelDoes) {
  ASSERT_NO_FATAL_FAILURE(compare_for(60));
}

TEST_P(StoreModelTest, AnswersTheSameFromColumns) {
  if (GetParam() == StoreKind::postgresql) GTEST_SKIP() << "keeps no columns";
  options_.columns_events_min = 1;
  options_.columns_chunk_rows = 7;
  ASSERT_NO_FATAL_FAILURE(reopen());

  ASSERT_NO_FATAL_FAILURE(compare_for(120));

  Filter filter;
  filter.search = "a";
  static_cast<void>(list({.user = numbered(1), .filter = filter}));
  EXPECT_GT(store_->load().columns_owners, 0U);
}

TEST_P(StoreModelTest, AnswersTheSameWhenColumnsComeAndGo) {
  if (GetParam() == StoreKind::postgresql) GTEST_SKIP() << "keeps no columns";
  options_.columns_events_min = 1;
  options_.columns_chunk_rows = 50;
  options_.columns_bytes_max = std::size_t{60} << 10U;
  ASSERT_NO_FATAL_FAILURE(reopen());

  ASSERT_NO_FATAL_FAILURE(compare_for(80));

  EXPECT_LE(store_->load().columns_bytes, options_.columns_bytes_max);
}

}  // namespace
}  // namespace carillon::testing
