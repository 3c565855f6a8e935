// What retention does with a store that a release without it has written.
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/retention_rows.hpp"
#include "persistence/src/rocks_rows.hpp"
#include "persistence/src/rocks_tables.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <chrono>

namespace carillon::testing {
namespace {

using engine::Change;
using persistence::Direction;
using persistence::RocksBatch;
using persistence::RocksTables;
using persistence::Table;
using std::chrono::hours;

const engine::UserId alice = numbered(1);
const engine::UserId bob = numbered(2);
constexpr std::int64_t day_us = 1'700'000'000'000'000;
constexpr std::int64_t hour_us = std::int64_t{3'600} * 1'000'000;

class RocksRetentionTest : public StoreTest {
 protected:
  void SetUp() override {
    auto options = small_rocksdb(dir_ / "store");
    options.retention.purge_deleted_after = hours{0};
    open(options);
  }

  /// Leaves the store as the release before retention would have.
  void forget_retention() {
    store_.reset();
    auto tables = RocksTables::open(dir_ / "store", options_);
    ASSERT_TRUE(tables) << tables.error().text();
    persistence::AdditionCounts additions;
    RocksBatch rows{**tables, additions, /*indexed=*/false};
    for (const auto prefix : {persistence::age_prefix, persistence::deletion_prefix,
                              persistence::mark_prefix, persistence::meta_retention})
      for (auto row = rows.range(Table::meta, prefix, prefix, Direction::ascending); row->valid();
           row->next())
        rows.erase(Table::meta, row->key());
    rocksdb::WriteBatch* writes = nullptr;
    ASSERT_TRUE(rows.take(writes).ok());
    ASSERT_TRUE((*tables)->db().Write({}, writes).ok());
  }

  engine::EventRef publish_at(const engine::UserId& owner, std::int64_t at, bool id_tells = true) {
    return publish({.owner = owner,
                    .id = id_tells ? id_made_at(at) : engine::make_uuid_v4(),
                    .created_at_us = at});
  }
};

TEST_F(RocksRetentionTest, AdoptsTheEventsOfAnEarlierRelease) {
  const auto broadcast = publish_at(nobody, day_us);
  publish_at(alice, day_us);
  const auto deleted = publish_at(alice, day_us + 2 * hour_us);
  publish_at(bob, day_us, /*id_tells=*/false);
  const auto young = publish_at(bob, day_us + 2 * hour_us, /*id_tells=*/false);
  mark(alice, {broadcast->id()});
  commit(
      {change_entry(next_++, {.kind = Change::Kind::remove, .user = alice, .ids = {deleted->id()}},
                    day_us + 2 * hour_us)});
  const auto before = store_->load().retention;
  forget_retention();

  options_.retention = {.purge_deleted_after = hours{0}};
  open(options_);
  next_ = store_->origin().first_sequence;
  EXPECT_EQ(store_->load().retention.events, 0U);  // not looked at yet
  const auto after = publish_at(bob, day_us + 2 * hour_us);
  retain(day_us, std::chrono::microseconds{0});
  EXPECT_EQ(store_->load().retention.events, before.events + 1);
  EXPECT_GT(store_->load().retention.bytes, before.bytes);

  store_->set_retention({.age = hours{1}, .purge_deleted_after = hours{1}});
  retain(day_us + 2 * hour_us);
  EXPECT_EQ(listed({.user = bob, .descending = false}),
            (std::vector{young->sequence(), after->sequence()}));
  const auto of_alice = list({.user = alice});
  EXPECT_EQ(of_alice.total_count, 0U);
  EXPECT_EQ(of_alice.read_count, 0U);
  EXPECT_TRUE(*store_->find_by_id(alice, deleted->id()));
  retain(day_us + 3 * hour_us);
  EXPECT_FALSE(*store_->find_by_id(alice, deleted->id()));
}

TEST_F(RocksRetentionTest, GoesOnWithASweepThatAnEndInterrupted) {
  for (int i = 0; i < 50; ++i)
    publish_at(i % 2 == 0 ? alice : bob, day_us + i, i % 3 != 0);
  const auto before = store_->load().retention;
  forget_retention();
  open(options_);
  next_ = store_->origin().first_sequence;

  for (int slices = 0; slices < 20; ++slices) {
    ASSERT_TRUE(store_->retain(at_us(day_us), std::chrono::microseconds{0}));
    publish_at(alice, day_us);
    reopen();
  }
  retain(day_us, std::chrono::microseconds{0});

  EXPECT_EQ(store_->load().retention.events, before.events + 20);
  store_->set_retention({.age = hours{1}});
  retain(day_us + 2 * hour_us);
  EXPECT_EQ(store_->load().retention.events, 0U);
  EXPECT_EQ(store_->load().retention.bytes, 0U);
  EXPECT_EQ(list({.user = alice}).total_count + list({.user = bob}).total_count, 0U);
}

}  // namespace
}  // namespace carillon::testing
