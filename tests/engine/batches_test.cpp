#include "carillon/engine/batches.hpp"

#include "tests/engine/turned_broadcaster.hpp"

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BatchesTest : public TurnedBroadcasterTest {
 protected:
  Subscription subscribe_batches(QueueOptions options = {}) {
    return broadcaster_->subscribe_batches(
        alice_,
        {.on_events =
             [this](const Batch& batch) {
               std::string texts;
               for (const auto& delivery : batch.deliveries)
                 texts += delivery.event->description();
               calls_.push_back(texts);
               superseded_ += batch.superseded;
               reached_ = batch.deliveries.back().position;
               return demand_;
             },
         .on_gap =
             [this](const Gap& gap) {
               calls_.push_back("gap of " + std::to_string(gap.events));
               gaps_.push_back(gap);
             },
         .on_end =
             [this](const End& end) {
               calls_.emplace_back("end");
               ends_.push_back(end);
             }},
        std::move(options));
  }
  void publish_all(std::initializer_list<const char*> descriptions) {
    for (const char* description : descriptions)
      publish(alice_, description);
  }
  std::size_t room(std::size_t events) {
    return events * (event(alice_, "a")->footprint_bytes() + 200);
  }

  Demand demand_ = Demand::more;
  std::vector<std::string> calls_;
  std::uint64_t superseded_ = 0;
  Position reached_;
  std::vector<Gap> gaps_;
  std::vector<End> ends_;
};

TEST_F(BatchesTest, CallsOncePerBatchWhileMoreIsDemanded) {
  start();
  const auto handle = subscribe_batches();
  run();  // what is published before it has started comes one by one
  publish_all({"a", "b"});
  run();
  publish_all({"c"});
  run();

  EXPECT_THAT(calls_, ElementsAre("ab", "c"));
}

TEST_F(BatchesTest, QueuesWhilePausedAndGivesItAllOnResume) {
  start();
  auto handle = subscribe_batches();
  demand_ = Demand::pause;
  publish_all({"a"});
  run();
  publish_all({"b", "c"});
  run();
  publish_all({"d"});
  run();
  EXPECT_THAT(calls_, ElementsAre("a"));

  demand_ = Demand::more;
  handle.resume();
  run();

  EXPECT_THAT(calls_, ElementsAre("a", "bcd"));
  publish_all({"e"});
  run();
  EXPECT_THAT(calls_, ElementsAre("a", "bcd", "e"));
}

TEST_F(BatchesTest, ResumesBehindWhatWasPublishedBefore) {
  start();
  auto handle = subscribe_batches();
  demand_ = Demand::pause;
  publish_all({"a"});
  run();
  publish_all({"b"});
  handle.resume();
  publish_all({"c"});

  run();

  EXPECT_THAT(calls_, ElementsAre("a", "b"));
  handle.resume();
  run();
  EXPECT_THAT(calls_, ElementsAre("a", "b", "c"));
}

TEST_F(BatchesTest, GivesNoMoreThanOneCallIfThatPausesAgain) {
  start();
  auto handle = subscribe_batches({.bytes_max = std::size_t{64} << 20U});
  demand_ = Demand::pause;
  publish_all({"a"});
  run();
  for (int i = 0; i < 600; ++i)
    publish(alice_, "b");
  run();

  handle.resume();
  run();
  ASSERT_THAT(calls_, SizeIs(2));
  publish_all({"c"});
  run();
  handle.resume();
  run();
  handle.resume();
  run();
  handle.resume();
  run();

  ASSERT_THAT(calls_, SizeIs(5));
  EXPECT_EQ(calls_[1].size() + calls_[2].size() + calls_[3].size(), 600U);
  EXPECT_EQ(calls_[4], "c");
}

TEST_F(BatchesTest, ManyResumesAtOnceAreOne) {
  start();
  auto handle = subscribe_batches();
  demand_ = Demand::pause;
  publish_all({"a"});
  run();
  publish_all({"b"});
  run();
  for (int i = 0; i < 10; ++i)
    handle.resume();
  publish_all({"c"});

  run();

  EXPECT_THAT(calls_, ElementsAre("a", "b"));
}

TEST_F(BatchesTest, ResumingWithoutAPauseChangesNothing) {
  start();
  auto handle = subscribe_batches();
  handle.resume();
  publish_all({"a"});
  run();
  handle.resume();
  run();

  EXPECT_THAT(calls_, ElementsAre("a"));
}

TEST_F(BatchesTest, MayResumeFromItsOwnCall) {
  start();
  Subscription handle;
  int calls = 0;
  handle = broadcaster_->subscribe_batches(alice_, {.on_events = [&](const Batch&) {
                                             ++calls;
                                             handle.resume();
                                             return Demand::pause;
                                           }});
  publish_all({"a"});
  run();
  publish_all({"b"});
  run();

  EXPECT_EQ(calls, 2);
}

TEST_F(BatchesTest, ReportsTheGapInItsPlace) {
  start();
  auto [sink, witness] = subscribe(alice_);
  auto handle = subscribe_batches({.bytes_max = room(2), .overflow = Overflow::drop});
  demand_ = Demand::pause;
  publish_all({"a"});
  run();
  publish_all({"b", "c", "d", "e"});
  run();
  demand_ = Demand::more;
  handle.resume();
  run();
  publish_all({"f"});
  run();

  EXPECT_THAT(calls_, ElementsAre("a", "bc", "gap of 2", "f"));
  EXPECT_EQ(gaps_.at(0),
            (Gap{.from = sink->seen()[2].position, .to = sink->seen()[4].position, .events = 2}));
}

TEST_F(BatchesTest, ConflatesWhilePaused) {
  start();
  auto handle = subscribe_batches(
      {.overflow = Overflow::latest,
       .key = ConflationKey::of([](const Event& of) { return of.description()[0]; })});
  demand_ = Demand::pause;
  publish_all({"-"});
  run();
  publish_all({"a1", "b1", "a2", "a3"});
  run();
  handle.resume();
  run();

  EXPECT_THAT(calls_, ElementsAre("-", "b1a3"));
  EXPECT_EQ(superseded_, 2U);
}

TEST_F(BatchesTest, EndsAtTheBoundAfterWhatIsQueuedWasConsumed) {
  start();
  auto [sink, witness] = subscribe(alice_);
  auto handle = subscribe_batches({.bytes_max = room(1)});
  demand_ = Demand::pause;
  publish_all({"a"});
  run();
  publish_all({"b", "c", "d"});
  run();
  EXPECT_THAT(ends_, IsEmpty());

  demand_ = Demand::more;
  handle.resume();
  run();
  publish_all({"e"});
  run();

  EXPECT_THAT(calls_, ElementsAre("a", "b", "end"));
  EXPECT_EQ(ends_.at(0), (End{EndReason::overflowed, sink->seen()[1].position}));
  EXPECT_EQ(broadcaster_->metrics().subscriptions, 1U);
}

TEST_F(BatchesTest, EndsWithThePositionOfWhatWasGivenWhenCancelledWhilePaused) {
  start();
  auto handle = subscribe_batches();
  demand_ = Demand::pause;
  publish_all({"a"});
  run();
  publish_all({"b"});
  handle.cancel();
  handle.resume();
  run();

  EXPECT_THAT(calls_, ElementsAre("a", "end"));
  EXPECT_EQ(ends_.at(0), (End{EndReason::cancelled, reached_}));
}

TEST_F(BatchesTest, EndsWithStop) {
  start();
  auto handle = subscribe_batches();
  publish_all({"a"});

  broadcaster_->stop();
  handle.resume();

  EXPECT_THAT(calls_, ElementsAre("a", "end"));
  EXPECT_EQ(ends_.at(0), (End{EndReason::stopped, reached_}));
}

}  // namespace
}  // namespace carillon::engine
