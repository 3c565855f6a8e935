#include "tools/loadgen/order_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace carillon::loadgen {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Events as (stream, number).
HeardOrder heard(std::uint32_t user,
                 const std::vector<std::pair<std::uint32_t, std::uint64_t>>& events) {
  HeardOrder order{.user = user};
  for (const auto& [stream, number] : events)
    order.trail.add({.user = user, .stream = stream, .number = number});
  return order;
}

TEST(OrderCheckTest, FindsTheOneThatHeardTwoPublishersTheOtherWayRound) {
  const auto result =
      compare_orders({heard(0, {{0, 0}, {1, 0}, {0, 1}}), heard(0, {{1, 0}, {0, 0}, {0, 1}}),
                      heard(0, {{0, 0}, {1, 0}, {0, 1}})});

  EXPECT_EQ(result.compared, 3U);
  EXPECT_EQ(result.not_compared, 0U);
  EXPECT_THAT(result.different, ElementsAre(1U));
}

TEST(OrderCheckTest, ComparesOnlyWhoHeardTheSameEventsOfTheSameUser) {
  const auto result = compare_orders({heard(0, {{0, 0}, {1, 0}}), heard(1, {{1, 0}, {0, 0}}),
                                      heard(0, {{1, 0}}), heard(0, {{0, 0}, {1, 0}})});

  EXPECT_EQ(result.compared, 2U);
  EXPECT_EQ(result.not_compared, 2U);
  EXPECT_THAT(result.different, IsEmpty());
}

TEST(OrderCheckTest, ASwapAnywhereInALongRunShows) {
  OrderTrail straight;
  for (std::uint64_t number = 0; number < 1000; ++number)
    straight.add({.stream = static_cast<std::uint32_t>(number % 2), .number = number / 2});

  for (std::uint64_t swapped = 0; swapped < 999; ++swapped) {
    OrderTrail other;
    for (std::uint64_t at = 0; at < 1000; ++at) {
      const auto number = at == swapped ? at + 1 : at == swapped + 1 ? at - 1 : at;
      other.add({.stream = static_cast<std::uint32_t>(number % 2), .number = number / 2});
    }
    ASSERT_EQ(other.events(), straight.events());
    ASSERT_NE(other.order(), straight.order()) << swapped;
  }
}

}  // namespace
}  // namespace carillon::loadgen
