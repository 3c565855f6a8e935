#include "tools/loadgen/stamp.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace carillon::loadgen {
namespace {

TEST(StampTest, ComesBackFromAnyTextAroundIt) {
  const StampCodec codec{0xABCD};
  std::string text = "{\"x\":\"lg";
  codec.write({.user = 3, .stream = 2, .number = 1'000'000, .intended_ns = 123'456'789}, text);
  text += "\"}";
  std::string_view rest = text;

  const auto stamp = codec.next(rest);

  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->user, 3U);
  EXPECT_EQ(stamp->stream, 2U);
  EXPECT_EQ(stamp->number, 1'000'000U);
  EXPECT_EQ(stamp->intended_ns, 123'456'789);
  EXPECT_EQ(rest, "\"}");
  EXPECT_FALSE(codec.next(rest));
}

TEST(StampTest, FindsEachOfSeveralInOneMessage) {
  const StampCodec codec{1};
  std::string text;
  for (std::uint64_t number = 0; number < 3; ++number) {
    codec.write({.number = number}, text);
    text += ',';
  }
  std::string_view rest = text;

  for (std::uint64_t number = 0; number < 3; ++number) {
    const auto stamp = codec.next(rest);
    ASSERT_TRUE(stamp);
    EXPECT_EQ(stamp->number, number);
  }
  EXPECT_FALSE(codec.next(rest));
}

TEST(StampTest, AnotherRunsAndACutOffOneAreNone) {
  std::string text;
  StampCodec{1}.write({}, text);
  std::string_view of_another_run = text;
  std::string_view cut_off = std::string_view{text}.substr(0, text.size() - 1);

  EXPECT_FALSE(StampCodec{2}.next(of_another_run));
  EXPECT_FALSE(StampCodec{1}.next(cut_off));
}

}  // namespace
}  // namespace carillon::loadgen
