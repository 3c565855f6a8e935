#include "engine/src/overflow_buffer.hpp"

#include "carillon/engine/event_builder.hpp"
#include "tests/support/events.hpp"
#include "tests/support/received_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace carillon::engine::detail {

/// A key whose hash says nothing.
struct SameHash {
  std::string_view text;
  bool operator==(const SameHash&) const = default;
};

}  // namespace carillon::engine::detail

template <>
struct std::hash<carillon::engine::detail::SameHash> {
  std::size_t operator()(const carillon::engine::detail::SameHash&) const noexcept { return 7; }
};

namespace carillon::engine::detail {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A buffer that is given events at positions 1, 2, 3…; an event's category is the
/// key of Overflow::latest.
class OverflowBufferTest : public ::testing::Test {
 protected:
  /// Room for so many of the small events that put() makes.
  void make(Overflow overflow, std::size_t room) {
    options_.overflow = overflow;
    options_.bytes_max = room * OverflowBuffer::bytes_of(*event("x", 0));
    options_.key = ConflationKey::of([](const Event& of) { return of.category(); });
  }
  EventRef event(std::string_view key, std::size_t extra) {
    EventBuilder builder{pool_};
    builder.from_user(testing::user(1))
        .with_category(key)
        .with_action("deploy")
        .with_severity(Severity::success);
    builder.with_description(std::string{key} + std::to_string(at_) + std::string(extra, '.'));
    const auto built = std::move(*builder.build());
    return EventRef::share(*built);
  }
  /// The description is the key and the position: "a1".
  bool put(std::string_view key, std::size_t extra = 0) {
    const Position before{.user = at_++};
    return buffer_.put(*event(key, extra), {.user = at_}, before);
  }
  std::vector<Received> pop_all() {
    std::vector<Received> all;
    while (auto received = buffer_.pop())
      all.push_back(std::move(received));
    return all;
  }
  std::vector<std::string> pop_texts() {
    std::vector<std::string> texts;
    for (const auto& received : pop_all())
      texts.push_back(testing::text(received));
    return texts;
  }

  EventPool pool_;
  QueueOptions options_;
  OverflowBuffer buffer_{options_};
  Sequence at_ = 0;
};

TEST_F(OverflowBufferTest, GivesEventsInOrderWithTheirPositions) {
  make(Overflow::close, 10);
  for (const char* key : {"a", "b", "c"})
    ASSERT_TRUE(put(key));

  const auto all = pop_all();

  ASSERT_THAT(all, SizeIs(3));
  for (Sequence i = 0; i < 3; ++i)
    EXPECT_EQ(all[i].event()->position.user, i + 1);
  EXPECT_EQ(all[2].event()->event->description(), "c3");
}

TEST_F(OverflowBufferTest, RefusesUnderCloseWhatExceedsTheBound) {
  make(Overflow::close, 2);
  EXPECT_TRUE(put("a"));
  EXPECT_TRUE(put("b"));

  EXPECT_FALSE(put("c"));

  EXPECT_EQ(buffer_.bytes(), options_.bytes_max);
  EXPECT_THAT(pop_texts(), ElementsAre("a1", "b2"));
}

TEST_F(OverflowBufferTest, GivesTheEndBehindEverythingElse) {
  make(Overflow::close, 2);
  ASSERT_TRUE(put("a"));
  buffer_.end({.reason = EndReason::overflowed, .position = Position{.user = 1}});

  const auto all = pop_all();

  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(testing::text(all[0]), "a1");
  EXPECT_EQ(*all[1].end(), (End{EndReason::overflowed, Position{.user = 1}}));
  EXPECT_TRUE(buffer_.empty());
}

TEST_F(OverflowBufferTest, ReportsUnderDropOneGapWithItsRange) {
  make(Overflow::drop, 2);
  for (const char* key : {"a", "b", "c", "d", "e"})
    ASSERT_TRUE(put(key));

  const auto all = pop_all();

  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(*all[2].gap(), (Gap{.from = {.user = 2}, .to = {.user = 5}, .events = 3}));
}

TEST_F(OverflowBufferTest, SkipsUnderDropAlsoWhatWouldFitBehindTheGap) {
  make(Overflow::drop, 3);
  ASSERT_TRUE(put("a"));
  ASSERT_TRUE(put("b"));
  ASSERT_TRUE(put("c", 4'000));
  ASSERT_TRUE(put("d"));

  EXPECT_THAT(pop_texts(), ElementsAre("a1", "b2", "gap of 2"));
}

TEST_F(OverflowBufferTest, TakesEventsAgainAfterClear) {
  make(Overflow::drop, 1);
  ASSERT_TRUE(put("a"));
  ASSERT_TRUE(put("b"));
  buffer_.clear();

  ASSERT_TRUE(put("c"));

  EXPECT_THAT(pop_texts(), ElementsAre("c3"));
}

TEST_F(OverflowBufferTest, LetsAnEventLargerThanTheBoundPassAlone) {
  for (const auto overflow : {Overflow::close, Overflow::drop, Overflow::latest}) {
    make(overflow, 2);

    ASSERT_TRUE(put("big", 4'000));

    ASSERT_GT(buffer_.bytes(), options_.bytes_max);
    EXPECT_EQ(put("a"), overflow != Overflow::close);
    EXPECT_THAT(pop_all(), SizeIs(overflow == Overflow::close ? 1 : 2));
    buffer_.clear();
  }
}

TEST_F(OverflowBufferTest, KeepsUnderLatestTheNewestOfEachKeyInAscendingOrder) {
  make(Overflow::latest, 10);
  for (const char* key : {"a", "b", "a", "c", "b", "a"})
    ASSERT_TRUE(put(key));

  EXPECT_THAT(pop_texts(), ElementsAre("c4", "b5+1", "a6+2"));
}

TEST_F(OverflowBufferTest, StaysUnderLatestWithinTheBoundHoweverOftenAKeyComes) {
  make(Overflow::latest, 3);  // two, with texts that grow
  for (int i = 0; i < 10'000; ++i)
    ASSERT_TRUE(put(i % 2 == 0 ? "a" : "b"));

  EXPECT_LE(buffer_.bytes(), options_.bytes_max);
  EXPECT_THAT(pop_texts(), ElementsAre("a9999+4999", "b10000+4999"));
}

TEST_F(OverflowBufferTest, SkipsUnderLatestNewKeysThatFindNoRoom) {
  make(Overflow::latest, 2);
  for (const char* key : {"a", "b", "c", "d", "a"})
    ASSERT_TRUE(put(key));

  const auto all = pop_all();

  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(testing::text(all[0]), "b2");
  EXPECT_EQ(*all[1].gap(), (Gap{.from = {.user = 2}, .to = {.user = 4}, .events = 2}));
  EXPECT_EQ(testing::text(all[2]), "a5+1");
}

TEST_F(OverflowBufferTest, MakesOneGapOfTwoWhenWhatWasBetweenThemIsSuperseded) {
  make(Overflow::latest, 2);
  for (const char* key : {"a", "b", "c", "a", "d", "a"})
    ASSERT_TRUE(put(key));

  const auto all = pop_all();

  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(testing::text(all[0]), "b2");
  EXPECT_EQ(*all[1].gap(), (Gap{.from = {.user = 2}, .to = {.user = 5}, .events = 2}));
  EXPECT_EQ(testing::text(all[2]), "a6+2");
}

TEST_F(OverflowBufferTest, KeepsTheOlderStateIfTheNewerFindsNoRoom) {
  make(Overflow::latest, 2);
  ASSERT_TRUE(put("a"));
  ASSERT_TRUE(put("b"));
  ASSERT_TRUE(put("a", 4'000));

  EXPECT_THAT(pop_texts(), ElementsAre("a1", "b2", "gap of 1"));
}

TEST_F(OverflowBufferTest, TellsApartKeysOfOneHash) {
  make(Overflow::latest, 200);
  options_.key = ConflationKey::of([](const Event& of) { return SameHash{of.category()}; });
  for (int i = 0; i < 60; ++i)
    ASSERT_TRUE(put("k" + std::to_string(i % 30)));

  const auto all = pop_all();

  ASSERT_THAT(all, SizeIs(30));
  for (const auto& received : all)
    EXPECT_EQ(received.event()->superseded, 1U);
}

TEST_F(OverflowBufferTest, ForgetsKeysWithClear) {
  make(Overflow::latest, 100);
  for (int round = 0; round < 3; ++round) {
    at_ = 0;
    for (int i = 0; i < 50; ++i)
      ASSERT_TRUE(put("k" + std::to_string(i)));

    ASSERT_THAT(pop_all(), SizeIs(50));

    EXPECT_EQ(buffer_.bytes(), 0U);
    buffer_.clear();
    EXPECT_THAT(pop_all(), IsEmpty());
    buffer_.clear();
  }
}

}  // namespace
}  // namespace carillon::engine::detail
