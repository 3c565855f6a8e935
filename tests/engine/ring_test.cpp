#include "engine/src/ring.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <set>

namespace carillon::engine::detail {
namespace {

TEST(RingTest, GivesBackInOrderWhileItGrowsAndGoesRound) {
  Ring<std::size_t> ring;
  std::size_t pushed = 0;
  std::size_t popped = 0;
  const auto pop = [&] { EXPECT_EQ(ring.pop_front(), popped++); };

  // One round takes fewer than it adds, so each growth finds another front.
  for (std::size_t round = 0; round < 1'000; ++round) {
    for (std::size_t i = 0; i < 7; ++i)
      ring.push_back(pushed++);
    for (std::size_t i = 0; i < 5; ++i)
      pop();
    ASSERT_EQ(ring.size(), pushed - popped);
  }
  while (!ring.empty())
    pop();

  EXPECT_EQ(popped, pushed);
}

TEST(RingTest, ReachesEachPlaceFromTheFront) {
  Ring<std::size_t> ring;
  for (std::size_t i = 0; i < 60; ++i)
    ring.push_back(i);
  for (std::size_t i = 0; i < 50; ++i)
    static_cast<void>(ring.pop_front());
  for (std::size_t i = 60; i < 100; ++i)
    ring.push_back(i);

  ASSERT_EQ(ring.size(), 50U);
  for (std::size_t i = 0; i < ring.size(); ++i)
    EXPECT_EQ(ring[i], 50 + i);
}

TEST(RingTest, UsesTheSamePlacesAgain) {
  Ring<std::size_t> ring;
  std::set<const std::size_t*> places;

  for (std::size_t i = 0; i < 10'000; ++i) {
    ring.push_back(i);
    places.insert(&ring[0]);
    static_cast<void>(ring.pop_front());
  }

  EXPECT_EQ(places.size(), 64U);
}

}  // namespace
}  // namespace carillon::engine::detail
