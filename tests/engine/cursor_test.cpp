#include "carillon/engine/cursor.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace carillon::engine {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr Epoch epoch_max = (Epoch{1} << 48U) - 1;

struct Written {
  Cursor cursor;
  std::string_view text;
};
// By Python: base64.urlsafe_b64encode of the layout in cursor.cpp. These texts
// are in clients' hands, so they must be readable by every later version.
constexpr Written written[] = {
    {{}, "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    {{.epoch = 1, .position = {.user = 2, .broadcast = 3}}, "AQAAAAAAAQAAAAAAAAIAAAAAAAADDqqI"},
    {{.epoch = 0x1234567890AB, .position = {.user = 100, .broadcast = 7}},
     "ARI0VniQqwAAAAAAAGQAAAAAAAAHFwbS"},
    {{.epoch = epoch_max, .position = {.user = sequence_max, .broadcast = sequence_max}},
     "Af_______x________8f________dM_-"},
    {{.epoch = 0xFEDCBA987654, .position = {.user = sequence_max, .broadcast = 1}},
     "Af7cuph2VB________8AAAAAAAABPzHt"},
};

TEST(CursorTest, WritesTheDocumentedLayout) {
  for (const auto& one : written)
    EXPECT_EQ(to_string(one.cursor), one.text);
}

TEST(CursorTest, ReadsTheDocumentedLayout) {
  for (const auto& one : written)
    EXPECT_EQ(parse_cursor(one.text), one.cursor) << one.text;
}

TEST(CursorTest, WritesExactlyItsLengthWithoutTerminator) {
  std::string text(cursor_text_bytes + 2, '#');

  format_cursor({}, text.data() + 1);

  EXPECT_EQ(text, "#AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA#");
}

TEST(CursorTest, ReadsBackWhatItWrote) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  for (int i = 0; i < 10'000; ++i) {
    const Cursor cursor{
        .epoch = random() & epoch_max,
        .position = {.user = random() & sequence_max, .broadcast = random() & sequence_max}};
    ASSERT_EQ(parse_cursor(to_string(cursor)), cursor);
  }
}

TEST(CursorTest, RefusesACursorWithAnyOneCharacterChanged) {
  for (const auto& one : written) {
    for (std::size_t at = 0; at < cursor_text_bytes; ++at) {
      for (const char c : alphabet) {
        std::string text{one.text};
        if (text[at] == c) continue;
        text[at] = c;
        ASSERT_FALSE(parse_cursor(text)) << text << " from " << one.text;
      }
    }
  }
}

TEST(CursorTest, RefusesNeighbouringCharactersExchanged) {
  for (const auto& one : written) {
    for (std::size_t at = 0; at + 1 < cursor_text_bytes; ++at) {
      std::string text{one.text};
      if (text[at] == text[at + 1]) continue;
      std::swap(text[at], text[at + 1]);
      ASSERT_FALSE(parse_cursor(text)) << text << " from " << one.text;
    }
  }
}

TEST(CursorTest, RefusesCharactersOutsideOfBase64Url) {
  const std::string good{written[1].text};
  for (int c = 0; c < 256; ++c) {
    auto text = good;
    text[9] = static_cast<char>(c);
    ASSERT_EQ(parse_cursor(text).has_value(), text == good) << c;
  }
}

TEST(CursorTest, RefusesEveryOtherLength) {
  const std::string good{written[1].text};
  for (std::size_t bytes = 0; bytes < good.size(); ++bytes)
    EXPECT_FALSE(parse_cursor(good.substr(0, bytes))) << bytes;
  EXPECT_FALSE(parse_cursor(good + "A"));
  EXPECT_FALSE(parse_cursor(good + "="));
  EXPECT_FALSE(parse_cursor(good + good));
}

TEST(CursorTest, RefusesAnotherVersion) {
  // Version 2 with version 1's check value, which does not cover the version.
  EXPECT_FALSE(parse_cursor("AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}

TEST(CursorTest, OrdersPositionsByUserThenBroadcast) {
  EXPECT_LT((Position{.user = 1, .broadcast = 9}), (Position{.user = 2, .broadcast = 0}));
  EXPECT_LT((Position{.user = 1, .broadcast = 1}), (Position{.user = 1, .broadcast = 2}));
}

}  // namespace
}  // namespace carillon::engine
