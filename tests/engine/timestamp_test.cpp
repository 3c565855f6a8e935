#include "carillon/engine/timestamp.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace carillon::engine {
namespace {

using std::chrono::microseconds;

Timestamp at(std::int64_t micros) {
  return Timestamp{microseconds{micros}};
}

std::int64_t micros_of(std::string_view text) {
  const auto time = parse_timestamp(text);
  EXPECT_TRUE(time) << text;
  return time ? time->time_since_epoch().count() : std::numeric_limits<std::int64_t>::min();
}

struct Moment {
  std::int64_t micros;
  std::string_view text;
};
// By Python's datetime.
constexpr Moment moments[] = {
    {0, "1970-01-01T00:00:00.000000Z"},
    {-1, "1969-12-31T23:59:59.999999Z"},
    {1'795'461'250'123'456, "2026-11-23T19:14:10.123456Z"},
    {951'868'799'999'999, "2000-02-29T23:59:59.999999Z"},
    {4'107'499'200'000'000, "2100-02-28T12:00:00.000000Z"},
    {-2'203'891'199'999'999, "1900-03-01T00:00:00.000001Z"},
    {2'147'483'648'000'000, "2038-01-19T03:14:08.000000Z"},
    {-62'135'596'800'000'000, "0001-01-01T00:00:00.000000Z"},
    {253'402'300'799'999'999, "9999-12-31T23:59:59.999999Z"},
};

TEST(TimestampTest, WritesRfc3339InMicroseconds) {
  for (const auto& moment : moments)
    EXPECT_EQ(to_string(at(moment.micros)), moment.text);
}

TEST(TimestampTest, ReadsRfc3339) {
  for (const auto& moment : moments)
    EXPECT_EQ(micros_of(moment.text), moment.micros);
}

TEST(TimestampTest, WritesExactlyItsLengthWithoutTerminator) {
  std::string text(timestamp_text_bytes + 2, '#');

  format_timestamp(at(0), text.data() + 1);

  EXPECT_EQ(text, "#1970-01-01T00:00:00.000000Z#");
}

TEST(TimestampTest, ClampsYearsThatFourDigitsCannotShow) {
  EXPECT_EQ(to_string(Timestamp::max()), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_string(Timestamp::min()), "0000-01-01T00:00:00.000000Z");
}

TEST(TimestampTest, ReadsBackWhatItWrote) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  std::uniform_int_distribution<std::int64_t> any{-62'135'596'800'000'000, 253'402'300'799'999'999};
  for (int i = 0; i < 10'000; ++i) {
    const auto micros = any(random);
    ASSERT_EQ(micros_of(to_string(at(micros))), micros);
  }
}

TEST(TimestampTest, ReadsAnyOffset) {
  EXPECT_EQ(micros_of("2026-11-23T19:14:10+05:30"), 1'795'441'450'000'000);
  EXPECT_EQ(micros_of("2026-11-23T19:14:10-08:00"), 1'795'490'050'000'000);
  EXPECT_EQ(micros_of("2024-02-29T00:00:00+14:00"), 1'709'114'400'000'000);
  EXPECT_EQ(micros_of("1970-01-01T00:00:00-00:00"), 0);
}

TEST(TimestampTest, ReadsLowerCaseLettersAndASpaceForTheT) {
  EXPECT_EQ(micros_of("1970-01-01t00:00:01z"), 1'000'000);
  EXPECT_EQ(micros_of("1970-01-01 00:00:01Z"), 1'000'000);
}

TEST(TimestampTest, ReadsABareDateAsMidnight) {
  EXPECT_EQ(micros_of("2000-02-29"), 951'782'400'000'000);
}

TEST(TimestampTest, CutsTheFractionToMicroseconds) {
  EXPECT_EQ(micros_of("1970-01-01T00:00:00.1Z"), 100'000);
  EXPECT_EQ(micros_of("1970-01-01T00:00:00.000001Z"), 1);
  EXPECT_EQ(micros_of("1970-01-01T00:00:00.0000019Z"), 1);
  EXPECT_EQ(micros_of("1970-01-01T00:00:00.999999999Z"), 999'999);
}

TEST(TimestampTest, ReadsALeapSecondAsTheNextMinute) {
  EXPECT_EQ(micros_of("2016-12-31T23:59:60Z"), micros_of("2017-01-01T00:00:00Z"));
}

TEST(TimestampTest, RefusesWhatIsNotATime) {
  for (const auto* text : {
           "",
           "2026",
           "2026-11",
           "2026-1-23",
           "26-11-23",
           "2026-11-23T",
           "2026-11-23T19",
           "2026-11-23T19:14",
           "2026-11-23T19:14:10",
           "2026-11-23T19:14:10.Z",
           "2026-11-23T19:14:10.1234567890Z",
           "2026-11-23T19:14:10,5Z",
           "2026-11-23T24:00:00Z",
           "2026-11-23T19:60:00Z",
           "2026-11-23T19:14:61Z",
           "2026-13-01T00:00:00Z",
           "2026-00-01T00:00:00Z",
           "2026-01-00T00:00:00Z",
           "2026-01-32T00:00:00Z",
           "2023-02-29T00:00:00Z",
           "1900-02-29T00:00:00Z",
           "2026-04-31",
           "2026-11-23Z",
           "2026-11-23T19:14:10+5:30",
           "2026-11-23T19:14:10+05",
           "2026-11-23T19:14:10+0530",
           "2026-11-23T19:14:10+24:00",
           "2026-11-23T19:14:10+05:60",
           "2026-11-23T19:14:10ZZ",
           "2026-11-23T19:14:10Z ",
           " 2026-11-23T19:14:10Z",
           "-026-11-23T19:14:10Z",
           "+2026-11-23T19:14:10Z",
           "2026-11-23T-9:14:10Z",
           "1795461250",
       })
    EXPECT_FALSE(parse_timestamp(text)) << text;
}

TEST(TimestampTest, StaysWithinItsRangeAtTheEndsOfTheCalendar) {
  EXPECT_EQ(to_string(*parse_timestamp("0000-01-01T00:00:00+23:59")),
            "0000-01-01T00:00:00.000000Z");
  EXPECT_EQ(to_string(*parse_timestamp("9999-12-31T23:59:60-23:59")),
            "9999-12-31T23:59:59.999999Z");
}

TEST(TimestampTest, TellsTheTimeOfTheSystemClock) {
  const auto before = std::chrono::system_clock::now();
  const auto time = now();
  const auto after = std::chrono::system_clock::now();

  EXPECT_GE(time + microseconds{1}, before);
  EXPECT_LE(time, after);
}

}  // namespace
}  // namespace carillon::engine
