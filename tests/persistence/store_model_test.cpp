// Goal: whatever happens in whatever order, a store answers what a naive model
// does: lists, counts, kinds, positions, affected ids.
// Method: random batches over few users and few values, so that filters, ties and
// repeated ids collide; random queries in between; the durable kind is closed and
// opened now and then. CARILLON_SEED repeats a run.
#include "tests/persistence/inbox_model.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <chrono>
#include <cstdlib>
#include <optional>
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
    if (chance(15)) filter.from = at_us(some_time());
    if (chance(15)) filter.to = at_us(some_time());
    return filter;
  }

  /// Times of the round: close together and not in order.
  std::int64_t some_time() { return now_ + static_cast<std::int64_t>(below(10)) * time_unit_; }

  /// Often one of ours that tells the event's age, or one that does not.
  std::optional<EventId> some_new_id(std::int64_t created_at) {
    if (!retention_ || chance(20)) return {};
    return chance(70) ? id_made_at(created_at) : engine::make_uuid_v4();
  }

  engine::LogEntry some_entry() {
    if (chance(70)) {
      const auto created_at = some_time();
      auto logged = entry(EventSpec{.owner = chance(25) ? nobody : some_user(),
                                    .category = some_word(),
                                    .action = some_word(),
                                    .severity = some_severity(),
                                    .status = chance(90) ? Status::unread : Status::read,
                                    .description = some_word() + " \"" + some_word(),
                                    .acted_upon = some_uuid(),
                                    .system_id = some_uuid(),
                                    .id = some_new_id(created_at),
                                    .created_at_us = created_at});
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
    return change_entry(next_++, std::move(change), some_time() + 5 * time_unit_);
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
    if (query.after && model_.is_gone(query.user, *query.after)) {
      const auto page = store_->list(query);
      ASSERT_FALSE(page);
      ASSERT_EQ(page.error().code, make_error_code(engine::Errc::history_gone));
      return;
    }
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
      if (retention_ && chance(60)) {
        ASSERT_NO_FATAL_FAILURE(retain_as_the_model());
      }
      for (int query = 0; query < 4; ++query)
        ASSERT_NO_FATAL_FAILURE(compare_lists());
      ASSERT_NO_FATAL_FAILURE(compare_sums());
      if (!outlives_the_process() || !chance(5)) continue;
      ASSERT_NO_FATAL_FAILURE(reopen());
    }
  }

  void open_with(const persistence::RetentionOptions& retention) {
    retention_ = retention;
    options_.retention = retention;
    now_ = 1'700'000'000'000'000;
    time_unit_ = 10'000'000;
    ASSERT_NO_FATAL_FAILURE(reopen());
  }

  /// In slices as short as can be, with a restart among them, or in one: purging and another
  /// bound leave the same only if they go on together.
  void retain_as_the_model() {
    now_ += 3 * time_unit_;
    if (retention_->purge_deleted_after.count() == 0 && chance(50)) {
      for (auto slices = below(10); slices > 0; --slices)
        ASSERT_TRUE(store_->retain(at_us(now_), std::chrono::microseconds{0}));
      if (outlives_the_process() && chance(30)) {
        ASSERT_NO_FATAL_FAILURE(reopen());
      }
      ASSERT_NO_FATAL_FAILURE(retain(now_, std::chrono::microseconds{0}));
    } else {
      ASSERT_NO_FATAL_FAILURE(retain(now_));
    }
    if (const auto wait = retention_->purge_deleted_after; wait.count() != 0)
      model_.remove_deleted_until(at_us(now_) - wait);
    if (const auto age = retention_->age; age.count() != 0)
      model_.remove_created_until(at_us(now_) - age);
    if (const auto count = retention_->events_per_user; count != 0) model_.keep_latest(count);
    ASSERT_EQ(store_->load().retention.events, model_.events().size());
  }

  std::int64_t now_ = 0;
  std::int64_t time_unit_ = 1;  // microseconds
  std::optional<persistence::RetentionOptions> retention_;
  const std::uint64_t seed_ = seed_of_this_run();
  std::mt19937_64 random_{seed_};
  std::vector<EventId> ids_;
  InboxModel model_;
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreModelTest, ::testing::ValuesIn(kinds_under_test()));

TEST_P(StoreModelTest, AnswersWhatANaiveModelDoes) {
  ASSERT_NO_FATAL_FAILURE(compare_for(60));
}

TEST_P(StoreModelTest, AnswersTheSameWhileOldEventsLeave) {
  ASSERT_NO_FATAL_FAILURE(open_with({.age = std::chrono::seconds{150},
                                     .events_per_user = 15,
                                     .purge_deleted_after = std::chrono::seconds{0}}));
  ASSERT_NO_FATAL_FAILURE(compare_for(80));
  EXPECT_GT(store_->load().retention.events, 0U);
}

TEST_P(StoreModelTest, AnswersTheSameWhileDeletedEventsArePurged) {
  ASSERT_NO_FATAL_FAILURE(open_with(
      {.age = std::chrono::seconds{300}, .purge_deleted_after = std::chrono::seconds{60}}));
  ASSERT_NO_FATAL_FAILURE(compare_for(80));
}

TEST_P(StoreModelTest, AnswersTheSameFromColumnsWhileOldEventsLeave) {
  if (GetParam() == StoreKind::postgresql) GTEST_SKIP() << "keeps no columns";
  options_.columns_events_min = 1;
  options_.columns_chunk_rows = 7;
  ASSERT_NO_FATAL_FAILURE(open_with({.age = std::chrono::seconds{200},
                                     .events_per_user = 40,
                                     .purge_deleted_after = std::chrono::seconds{0}}));
  ASSERT_NO_FATAL_FAILURE(compare_for(120));
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
