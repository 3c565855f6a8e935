#include "net/src/spare_memory.hpp"

#include <gtest/gtest.h>

#include <string>

namespace carillon::net {
namespace {

TEST(SpareMemoryTest, TakesAllMemoryOfATextAndGivesItToTheNextOne) {
  SpareMemory spare;
  std::string over(3'000, 'x');
  const auto* const memory = over.data();

  spare.keep(over);
  EXPECT_EQ(over.capacity(), std::string{}.capacity());
  const auto next = spare.take_text();

  EXPECT_EQ(next, "");
  EXPECT_EQ(next.data(), memory);
  EXPECT_EQ(spare.take_text().capacity(), std::string{}.capacity());
}

TEST(SpareMemoryTest, KeepsNoLargeTextsAndNotManyOthers) {
  SpareMemory spare;
  std::string large(1'000'000, 'x');
  spare.keep(large);
  EXPECT_EQ(large.capacity(), std::string{}.capacity());
  for (int i = 0; i < 1'000; ++i) {
    std::string over(100, 'x');
    spare.keep(over);
  }

  int kept = 0;
  for (int i = 0; i < 1'000; ++i) {
    const auto text = spare.take_text();
    EXPECT_LT(text.capacity(), 1'000'000U);
    if (text.capacity() >= 100) ++kept;
  }

  EXPECT_GT(kept, 1);
  EXPECT_LT(kept, 100);
}

TEST(SpareMemoryTest, GivesARequestsMemoryWithoutWhatWasInIt) {
  SpareMemory spare;
  Request over;
  over.keep_alive = false;
  over.body.assign(3'000, 'x');
  over.add_header("Host", "x");
  const auto* const memory = over.body.data();

  spare.keep(over);
  const auto next = spare.take_request();

  EXPECT_TRUE(next.keep_alive);
  EXPECT_EQ(next.header_count(), 0U);
  EXPECT_EQ(next.body, "");
  EXPECT_EQ(next.body.data(), memory);
}

TEST(RequestTest, GivesBackMemoryThatItHasNoUseForWhileItWaits) {
  Request request;
  request.body.reserve(16'000);
  request.body = "half";

  EXPECT_EQ(request.fit(), 4U);

  EXPECT_LT(request.body.capacity(), 1'100U);
  EXPECT_EQ(request.body, "half");
}

TEST(SpareMemoryTest, LeavesNoMemoryWithASecondRequest) {
  SpareMemory spare;
  for (int i = 0; i < 2; ++i) {
    Request over;
    over.body.assign(3'000, 'x');
    spare.keep(over);
    EXPECT_EQ(over.body.capacity(), std::string{}.capacity());
  }
}

}  // namespace
}  // namespace carillon::net
