#include "tools/loadgen/sequence_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace carillon::loadgen {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Arrival = SequenceCheck::Arrival;

std::vector<std::pair<std::uint64_t, std::uint64_t>> missing(const SequenceCheck& check,
                                                             std::uint64_t sent) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& range : check.missing(sent, false))
    ranges.emplace_back(range.first, range.end);
  return ranges;
}

TEST(SequenceCheckTest, HasNothingToSayOfACompleteStream) {
  SequenceCheck check;

  for (std::uint64_t number = 0; number < 100; ++number)
    ASSERT_EQ(check.take(number), Arrival::in_order);

  EXPECT_THAT(missing(check, 100), IsEmpty());
}

TEST(SequenceCheckTest, SeesGapsAtTheBeginningWithinAndAtTheEnd) {
  SequenceCheck check;

  EXPECT_EQ(check.take(2), Arrival::after_gap);
  EXPECT_EQ(check.take(3), Arrival::in_order);
  EXPECT_EQ(check.take(5), Arrival::after_gap);

  EXPECT_THAT(missing(check, 8), ElementsAre(Pair(0, 2), Pair(4, 5), Pair(6, 8)));
}

TEST(SequenceCheckTest, SeesDuplicatesOldAndNew) {
  SequenceCheck check;
  for (std::uint64_t number = 0; number < 3; ++number)
    static_cast<void>(check.take(number));

  EXPECT_EQ(check.take(2), Arrival::duplicate);
  EXPECT_EQ(check.take(0), Arrival::duplicate);
  EXPECT_EQ(check.take(3), Arrival::in_order);
}

TEST(SequenceCheckTest, ALateOneFillsItsGapOnce) {
  SequenceCheck check;
  static_cast<void>(check.take(0));
  static_cast<void>(check.take(5));

  EXPECT_EQ(check.take(3), Arrival::out_of_order);
  EXPECT_EQ(check.take(3), Arrival::duplicate);
  EXPECT_THAT(missing(check, 6), ElementsAre(Pair(1, 3), Pair(4, 5)));

  EXPECT_EQ(check.take(1), Arrival::out_of_order);
  EXPECT_EQ(check.take(2), Arrival::out_of_order);
  EXPECT_EQ(check.take(4), Arrival::out_of_order);
  EXPECT_THAT(missing(check, 6), IsEmpty());
}

TEST(SequenceCheckTest, KnowsWhichGapsTheServerToldOf) {
  SequenceCheck check;
  static_cast<void>(check.take(1, true));
  static_cast<void>(check.take(3, false));

  const auto ranges = check.missing(5, true);

  ASSERT_EQ(ranges.size(), 3U);
  EXPECT_TRUE(ranges[0].told);
  EXPECT_FALSE(ranges[1].told);
  EXPECT_TRUE(ranges[2].told);
}

}  // namespace
}  // namespace carillon::loadgen
