#include "carillon/engine/event_parser.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace carillon::engine {
namespace {

using namespace std::string_view_literals;

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string inside(const std::string& quotes) {
  return quotes.substr(1, quotes.size() - 2);
}

std::string utf8(char32_t point) {
  std::string out;
  const auto byte = [&out](char32_t value) { out += static_cast<char>(value); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 + point / 64);
    byte(0x80 + point % 64);
  } else if (point < 0x10000) {
    byte(0xE0 + point / 4096);
    byte(0x80 + point / 64 % 64);
    byte(0x80 + point % 64);
  } else {
    byte(0xF0 + point / 262144);
    byte(0x80 + point / 4096 % 64);
    byte(0x80 + point / 64 % 64);
    byte(0x80 + point % 64);
  }
  return out;
}

std::string escape_of(unsigned unit) {
  char text[8];
  std::snprintf(text, sizeof(text), "\\u%04x", unit);
  return text;
}

// By Python's json.dumps(ensure_ascii=False), but that writes \b and \f short.
TEST(AppendJsonStringTest, EscapesWhatMustBeEscapedAndNothingElse) {
  EXPECT_EQ(json_string(""), R"("")");
  EXPECT_EQ(json_string("a \"quoted\" back\\slash /"), R"("a \"quoted\" back\\slash /")");
  EXPECT_EQ(json_string("line\nreturn\rtab\t"), R"("line\nreturn\rtab\t")");
  EXPECT_EQ(json_string("\0\b\f\x1B\x1F"sv), R"("\u0000\u0008\u000c\u001b\u001f")");
  EXPECT_EQ(json_string("\x7F caf\xC3\xA9 \xF0\x9F\x98\x80"),
            "\"\x7F caf\xC3\xA9 \xF0\x9F\x98\x80\"");
}

TEST(AppendJsonStringTest, KeepsWhatIsThereAlready) {
  std::string out = "{\"a\":";

  append_json_string(out, "b");

  EXPECT_EQ(out, R"({"a":"b")");
}

TEST(AppendJsonStringTest, WritesEveryByteSoThatItIsReadBack) {
  std::string all;
  for (char c = 0; c < 0x7F; ++c)
    all += c;
  all += "\x7F\xC2\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF";

  const auto text = json_string(all);

  EXPECT_EQ(check_json(text), "");
  EXPECT_EQ(unescape_json(inside(text)), all);
}

TEST(UnescapeJsonTest, ReadsTheSimpleEscapes) {
  EXPECT_EQ(unescape_json(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(unescape_json(""), "");
  EXPECT_EQ(unescape_json("plain \xC3\xA9"), "plain \xC3\xA9");
  EXPECT_EQ(unescape_json(R"(\\u0041\\n)"), R"(\u0041\n)");
}

TEST(UnescapeJsonTest, ReadsEveryCodePoint) {
  for (char32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    const auto escaped = point < 0x10000 ? escape_of(point)
                                         : escape_of(0xD800 + ((point - 0x10000) >> 10U)) +
                                               escape_of(0xDC00 + ((point - 0x10000) & 0x3FFU));
    ASSERT_EQ(unescape_json(escaped), utf8(point)) << escaped;
  }
}

TEST(UnescapeJsonTest, ReadsHexadecimalDigitsOfBothCases) {
  EXPECT_EQ(unescape_json(R"(\u00eA\u00Ea)"), "\xC3\xAA\xC3\xAA");
}

TEST(UnescapeJsonTest, KeepsAnEscapedNul) {
  EXPECT_EQ(unescape_json(R"(a\u0000b)"), "a\0b"sv);
}

TEST(UnescapeJsonTest, ReplacesEachLoneSurrogate) {
  EXPECT_EQ(unescape_json(R"(\ud800)"), "\xEF\xBF\xBD");
  EXPECT_EQ(unescape_json(R"(\udc00)"), "\xEF\xBF\xBD");
  EXPECT_EQ(unescape_json(R"(\ud800x)"), "\xEF\xBF\xBDx");
  EXPECT_EQ(unescape_json(R"(\ud800\n)"), "\xEF\xBF\xBD\n");
  EXPECT_EQ(unescape_json(R"(\ud800\u0041)"),
            "\xEF\xBF\xBD"
            "A");
  EXPECT_EQ(unescape_json(R"(\udc00\ud800)"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(unescape_json(R"(\ud83d\ud83d\ude00)"), "\xEF\xBF\xBD\xF0\x9F\x98\x80");
}

TEST(UnescapeJsonTest, StaysInsideOfATextThatIsNotWellFormed) {
  // Not promised to mean anything, but it must end and read no further.
  for (const auto text : {"\\"sv, "\\u"sv, "\\u1"sv, "\\u123"sv, "\\ud800\\"sv, "\\ud800\\u"sv,
                          "\\ud800\\u12"sv, "\\uzzzz"sv, "\\x"sv})
    static_cast<void>(unescape_json(std::string{text}));
}

TEST(MinifyJsonTest, RemovesWhiteSpaceOutsideOfStringsOnly) {
  EXPECT_EQ(minify_json(" { \"a b\" :\t[ 1 ,\r\n2 ] , \"c\" : \" \\\" , \" } "),
            R"({"a b":[1,2],"c":" \" , "})");
}

TEST(MinifyJsonTest, KeepsNumbersAndEscapesAsTheyWere) {
  constexpr auto text =
      R"({"big":1e400,"long":123456789012345678901234567890.10,"neg":-0,"s":"\u00e9\/\ud800"})"sv;

  EXPECT_EQ(minify_json(text), text);
}

TEST(MinifyJsonTest, DoesNotDependOnWhereTheBlocksOfTheMinifierEnd) {
  for (std::size_t padding = 0; padding < 200; ++padding) {
    const std::string spaces(padding, ' ');
    const auto text = spaces + "[" + spaces + "\"" + spaces + "\\\\\"" + spaces + ",1]" + spaces;
    ASSERT_EQ(minify_json(text), "[\"" + spaces + "\\\\\",1]") << padding;
  }
}

TEST(MinifyJsonTest, KeepsAnEmptyText) {
  EXPECT_EQ(minify_json(""), "");
}

}  // namespace
}  // namespace carillon::engine
