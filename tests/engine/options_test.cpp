#include "carillon/engine/broadcaster.hpp"
#include "tests/support/events.hpp"
#include "tests/support/recording_sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace carillon::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Where a thread runs, and where it may.
struct Place {
  unsigned cpu = 0;
  std::vector<unsigned> allowed;
};

Place place_of_this_thread() {
  Place place{.cpu = static_cast<unsigned>(sched_getcpu()), .allowed = {}};
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(pthread_getaffinity_np(pthread_self(), sizeof(set), &set), 0);
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) place.allowed.push_back(cpu);
  return place;
}

/// Tells the place of the shard's thread.
class PlaceSink final : public Sink {
 public:
  void on_start(const Position&) noexcept override { place_.set_value(place_of_this_thread()); }
  void on_events(const DeliveryBatch&) noexcept override {}
  [[nodiscard]] std::future<Place> place() { return place_.get_future(); }

 private:
  std::promise<Place> place_;
};

UserId user_of_shard(const Broadcaster& broadcaster, ShardIndex shard) {
  for (std::uint8_t number = 0; number < 255; ++number)
    if (broadcaster.shard_of(testing::user(number)) == shard) return testing::user(number);
  ADD_FAILURE() << "no user of shard " << shard;
  return {};
}

TEST(CpusTest, RunsEachShardWhereItWasPinned) {
  const auto usable = place_of_this_thread().allowed;
  // As many shards as leave one processor with two: the numbers are used in turn.
  const auto shards = static_cast<ShardIndex>(usable.size() + 1);
  auto made = Broadcaster::create({.shards = shards, .cpus = usable});
  ASSERT_TRUE(made) << made.error().text();
  auto& broadcaster = **made;

  for (ShardIndex shard = 0; shard < shards; ++shard) {
    auto sink = std::make_shared<PlaceSink>();
    auto told = sink->place();
    const auto handle = broadcaster.subscribe(user_of_shard(broadcaster, shard), sink);
    ASSERT_EQ(told.wait_for(testing::deadline), std::future_status::ready);
    const auto place = told.get();
    EXPECT_EQ(place.cpu, usable[shard % usable.size()]);
    EXPECT_THAT(place.allowed, ElementsAre(usable[shard % usable.size()]));
  }
}

TEST(CpusTest, LeavesTheShardsToTheSystemIfNoneIsNamed) {
  auto made = Broadcaster::create({.shards = 1});
  ASSERT_TRUE(made);
  auto sink = std::make_shared<PlaceSink>();
  auto told = sink->place();

  const auto handle = (*made)->subscribe(testing::user(1), sink);

  ASSERT_EQ(told.wait_for(testing::deadline), std::future_status::ready);
  EXPECT_EQ(told.get().allowed, place_of_this_thread().allowed);
}

TEST(CpusTest, NamesTheProcessorThatCanNotExist) {
  const auto made = Broadcaster::create({.shards = 1, .cpus = {0, CPU_SETSIZE}});

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, make_error_code(Errc::invalid_argument));
  EXPECT_THAT(made.error().text(), HasSubstr("processor " + std::to_string(CPU_SETSIZE)));
}

// The second shard fails when the first one runs already.
TEST(CpusTest, NamesTheProcessorThatThisMachineDoesNotHave) {
  constexpr unsigned last = CPU_SETSIZE - 1;
  const auto usable = place_of_this_thread().allowed;
  if (usable.back() == last) GTEST_SKIP() << "this machine has it";

  const auto made = Broadcaster::create({.shards = 2, .cpus = {usable.front(), last}});

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, make_error_code(Errc::invalid_argument));
  EXPECT_THAT(made.error().text(), HasSubstr("processor " + std::to_string(last)));
}

TEST(TurnIntervalTest, IsNotNegativeAndNeitherIsASpin) {
  for (const auto& options :
       {Options{.shards = 1, .spin = -1us}, Options{.shards = 1, .turn_interval_max = -1ns}}) {
    const auto made = Broadcaster::create(options);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, make_error_code(Errc::invalid_argument));
  }
}

TEST(TurnIntervalTest, DeliversABurstInOrderWithoutAnInterval) {
  constexpr std::size_t events = 5'000;
  auto made = Broadcaster::create({.shards = 1, .turn_interval_max = 0ns});
  ASSERT_TRUE(made);
  auto sink = std::make_shared<testing::RecordingSink>();
  const auto handle = (*made)->subscribe(testing::user(1), sink);

  for (std::size_t index = 0; index < events; ++index)
    ASSERT_EQ(
        (*made)->publish(testing::make_event(**made, testing::user(1), std::to_string(index))),
        PublishStatus::accepted);

  ASSERT_TRUE(sink->wait_seen(events));
  const auto seen = sink->descriptions();
  for (std::size_t index = 0; index < events; ++index)
    ASSERT_EQ(seen[index], std::to_string(index));
}

// Goal: the interval is the most, not the least: neither an event alone waits for it,
// nor what comes behind a burst. It would be missed by hours.
TEST(TurnIntervalTest, DelaysNothingByTheWholeOfALongInterval) {
  auto made = Broadcaster::create({.shards = 1, .turn_interval_max = 24h});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  auto sink = std::make_shared<testing::RecordingSink>();
  const auto handle = broadcaster.subscribe(testing::user(1), sink);
  std::size_t published = 0;
  const auto publish = [&](std::size_t events) {
    for (std::size_t i = 0; i < events; ++i)
      ASSERT_EQ(broadcaster.publish(testing::make_event(broadcaster, testing::user(1))),
                PublishStatus::accepted);
    published += events;
  };

  for (const std::size_t events : {1U, 1U, 1U, 2U, 1U, 1'000U, 1U, 1U}) {
    publish(events);
    ASSERT_TRUE(sink->wait_seen(published)) << "behind " << published;
  }
  broadcaster.stop();
  EXPECT_EQ(sink->ended(), EndReason::stopped);
}

// A shard that spins for a day must still see its work, and the stop.
TEST(SpinTest, DeliversAndStopsWhileItSpins) {
  auto made = Broadcaster::create(
      {.shards = 2, .spin = std::chrono::duration_cast<std::chrono::microseconds>(24h)});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  for (ShardIndex shard = 0; shard < 2; ++shard) {
    const auto user = user_of_shard(broadcaster, shard);
    auto sink = std::make_shared<testing::RecordingSink>();
    const auto handle = broadcaster.subscribe(user, sink);
    for (std::size_t events = 1; events <= 3; ++events) {
      ASSERT_EQ(broadcaster.publish(testing::make_event(broadcaster, user)),
                PublishStatus::accepted);
      ASSERT_TRUE(sink->wait_seen(events));
    }
  }

  broadcaster.stop();

  EXPECT_EQ(broadcaster.publish(testing::make_event(broadcaster, testing::user(1))),
            PublishStatus::closed);
}

}  // namespace
}  // namespace carillon::engine
