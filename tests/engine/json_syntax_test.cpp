// check_json against RFC 8259: what the grammar takes, what it refuses, and
// where. The cases follow the y_/n_ pattern of the known JSON test suites.
#include "carillon/engine/event_parser.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::engine {
namespace {

using namespace std::string_view_literals;

std::string nested(std::size_t levels, char open, char close) {
  return std::string(levels, open) + std::string(levels, close);
}

// Method: strings of all lengths around the sixteen, and then eight, bytes that are looked at
// at a time, with each byte that matters at each place.
TEST(CheckJsonTest, FindsWhatEndsAStringAtEachPlaceOfIt) {
  for (std::size_t size = 0; size <= 41; ++size) {
    const std::string plain(size, '\x7F');
    EXPECT_EQ(check_json('"' + plain + '"'), "") << size;
    EXPECT_NE(check_json('"' + plain), "") << size;
    for (std::size_t place = 0; place < size; ++place) {
      for (const char control : {'\0', '\n', '\x1F'}) {
        auto text = plain;
        text[place] = control;
        EXPECT_NE(check_json('"' + text + '"'), "") << size << " " << place;
      }
      auto text = plain;
      text.insert(place, "\xC3\xA9");  // as signed bytes they would be below the space
      EXPECT_EQ(check_json('"' + text + '"'), "") << size << " " << place;
      text = plain;
      text[place] = '"';
      EXPECT_NE(check_json('"' + text + '"'), "") << size << " " << place;
      text[place] = '\\';
      EXPECT_NE(check_json('"' + text + '"'), "") << size << " " << place;
      text.insert(place + 1, "\"");
      EXPECT_EQ(check_json('"' + text + '"'), "") << size << " " << place;
      text[place] = ' ';
      text[place + 1] = '!';
      EXPECT_EQ(check_json('"' + text + '"'), "") << size << " " << place;
    }
  }
}

TEST(CheckJsonTest, TakesEveryWellFormedValue) {
  for (const auto text : {
           "{}"sv,
           "[]"sv,
           "null"sv,
           "true"sv,
           "false"sv,
           "\"\""sv,
           "0"sv,
           "-0"sv,
           "1"sv,
           "-1"sv,
           "12345678901234567890123456789012345678901234567890"sv,
           "0.5"sv,
           "-0.0"sv,
           "1e5"sv,
           "1E+5"sv,
           "1e-5"sv,
           "0e0"sv,
           "0e+1"sv,
           "1.5e300"sv,
           "1e400"sv,
           "-1e99999"sv,
           "0.00000000000000000000000000000000000000000000000000000000000001e-400"sv,
           " \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n"sv,
           "{ \"a\" : 1 , \"b\" : [ ] }"sv,
           R"({"a":1,"a":2})"sv,
           R"({"":0})"sv,
           R"([[],{},[{}],{"a":[]}])"sv,
           R"("\"\\\/\b\f\n\r\t")"sv,
           R"("\u0000")"sv,
           R"("\uD834\uDD1E")"sv,
           R"("\uabCD")"sv,
           R"("\ud800")"sv,
           R"("\udc00\ud800")"sv,
           R"(["\uDFAA", "\ud800\u0041"])"sv,
           "\"\x7F\""sv,
           "\"\xE2\x80\xA8\xE2\x80\xA9\""sv,
           "\"\xF4\x8F\xBF\xBF\""sv,
           "\"\xEF\xBB\xBF\""sv,
           "\"\xEF\xBF\xBE\""sv,
           "\"\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80\""sv,
           R"({"min": -1.0e+28, "max": 1.0e+28})"sv,
           R"(["a",null,1,"1",{}])"sv,
       })
    EXPECT_EQ(check_json(text), "") << text;
}

struct Refused {
  std::string_view text;
  std::string_view fault;
};

void expect_refused(std::initializer_list<Refused> cases) {
  for (const auto& one : cases)
    EXPECT_EQ(check_json(one.text), one.fault) << one.text;
}

TEST(CheckJsonTest, WantsOneValue) {
  expect_refused({
      {"", "expected a JSON value at byte 0, where the text ends"},
      {" \n", "expected a JSON value at byte 2, where the text ends"},
      {"1 2", "expected the end of the text at byte 2"},
      {"{}{}", "expected the end of the text at byte 2"},
      {"[]]", "expected the end of the text at byte 2"},
      {"{}}", "expected the end of the text at byte 2"},
      {"\"a\"b", "expected the end of the text at byte 3"},
      {"[1],", "expected the end of the text at byte 3"},
      {"[]\0"sv, "expected the end of the text at byte 2"},
      {"{} //", "expected the end of the text at byte 3"},
      {"\xEF\xBB\xBF{}", "a byte order mark (EF BB BF) stands before the text, at byte 0"},
  });
}

TEST(CheckJsonTest, KnowsNoWordsButThree) {
  expect_refused({
      {"nul", "expected a JSON value at byte 0"},
      {"nulls", "expected the end of the text at byte 4"},
      {"[nulls]", "expected ',' or ']' at byte 5"},
      {"tru", "expected a JSON value at byte 0"},
      {"True", "expected a JSON value at byte 0"},
      {"[fals]", "expected a JSON value at byte 1"},
      {"NaN", "expected a JSON value at byte 0"},
      {"[Infinity]", "expected a JSON value at byte 1"},
      {"[-Infinity]", "expected a JSON value at byte 1"},
      {"undefined", "expected a JSON value at byte 0"},
      {"\0"sv, "expected a JSON value at byte 0"},
      {"[\0]"sv, "expected a JSON value at byte 1"},
      {"tr\0e"sv, "expected a JSON value at byte 0"},
  });
}

TEST(CheckJsonTest, ReadsNumbersAsTheGrammarDoes) {
  expect_refused({
      {"-", "expected a JSON value at byte 0"},
      {"[-]", "expected a JSON value at byte 1"},
      {"+1", "expected a JSON value at byte 0"},
      {"--1", "expected a JSON value at byte 0"},
      {"01", "expected the end of the text at byte 1"},
      {"[012]", "expected ',' or ']' at byte 2"},
      {"[-01]", "expected ',' or ']' at byte 3"},
      {"1.", "expected a digit after the decimal point at byte 2, where the text ends"},
      {"[1.]", "expected a digit after the decimal point at byte 3"},
      {"1.e1", "expected a digit after the decimal point at byte 2"},
      {".5", "expected a JSON value at byte 0"},
      {"[-.5]", "expected a JSON value at byte 1"},
      {"1e", "expected a digit in the exponent at byte 2, where the text ends"},
      {"1e+", "expected a digit in the exponent at byte 3, where the text ends"},
      {"[1e-]", "expected a digit in the exponent at byte 4"},
      {"1e1.5", "expected the end of the text at byte 3"},
      {"1.2.3", "expected the end of the text at byte 3"},
      {"0x10", "expected the end of the text at byte 1"},
      {"1_000", "expected the end of the text at byte 1"},
      {"1 000", "expected the end of the text at byte 2"},
      {"[1a]", "expected ',' or ']' at byte 2"},
      {"1\0"sv, "expected the end of the text at byte 1"},
      {"\xEF\xBC\x91", "expected a JSON value at byte 0"},  // a full-width 1
  });
}

TEST(CheckJsonTest, AgreesWithTheGrammarOnEveryShortNumber) {
  const std::regex grammar{R"(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?)"};
  constexpr std::string_view characters = "-+.01e";
  std::vector<std::string> texts{""};
  for (std::size_t first = 0, length = 1; length <= 5; ++length) {
    const auto last = texts.size();
    for (; first < last; ++first) {
      for (const char c : characters) {
        texts.push_back(texts[first] + c);
        ASSERT_EQ(check_json(texts.back()).empty(), std::regex_match(texts.back(), grammar))
            << texts.back();
      }
    }
  }
}

TEST(CheckJsonTest, WantsCommasBetweenAndNowhereElse) {
  expect_refused({
      {"[1,]", "expected a JSON value at byte 3"},
      {"[,1]", "expected a JSON value at byte 1"},
      {"[1,,2]", "expected a JSON value at byte 3"},
      {"[1 2]", "expected ',' or ']' at byte 3"},
      {"[\"a\":1]", "expected ',' or ']' at byte 4"},
      {"{\"a\":1,}", "expected a member's name in quotes at byte 7"},
      {"{,}", "expected a member's name in quotes at byte 1"},
      {"{\"a\":1,,\"b\":2}", "expected a member's name in quotes at byte 7"},
      {"{\"a\":1 \"b\":2}", "expected ',' or '}' at byte 7"},
      {"{\"a\":1;\"b\":2}", "expected ',' or '}' at byte 6"},
      {"[1\f,2]", "expected ',' or ']' at byte 2"},
      {"[1,\xC2\xA0"
       "2]",
       "expected a JSON value at byte 3"},  // no-break space is not white space
  });
}

TEST(CheckJsonTest, WantsQuotedNamesWithColons) {
  expect_refused({
      {"{a:1}", "expected a member's name in quotes at byte 1"},
      {"{'a':1}", "expected a member's name in quotes at byte 1"},
      {"{1:1}", "expected a member's name in quotes at byte 1"},
      {"{null:1}", "expected a member's name in quotes at byte 1"},
      {"{\"a\"}", "expected ':' at byte 4"},
      {"{\"a\",1}", "expected ':' at byte 4"},
      {"{\"a\"::1}", "expected a JSON value at byte 5"},
      {"{\"a\":}", "expected a JSON value at byte 5"},
      {"{\"a\"=1}", "expected ':' at byte 4"},
      {"{\"a\\x\":1}", "expected a valid escape after '\\' at byte 4"},
  });
}

TEST(CheckJsonTest, WantsEverythingClosed) {
  expect_refused({
      {"[", "expected a JSON value at byte 1, where the text ends"},
      {"[1", "expected ',' or ']' at byte 2, where the text ends"},
      {"[1,", "expected a JSON value at byte 3, where the text ends"},
      {"{", "expected a member's name in quotes at byte 1, where the text ends"},
      {"{\"a\"", "expected ':' at byte 4, where the text ends"},
      {"{\"a\":", "expected a JSON value at byte 5, where the text ends"},
      {"{\"a\":1", "expected ',' or '}' at byte 6, where the text ends"},
      {"{\"a\":1,", "expected a member's name in quotes at byte 7, where the text ends"},
      {"[}", "expected a JSON value at byte 1"},
      {"{]", "expected a member's name in quotes at byte 1"},
      {"[1}", "expected ',' or ']' at byte 2"},
      {"{\"a\":1]", "expected ',' or '}' at byte 6"},
      {"[{]}", "expected a member's name in quotes at byte 2"},
      {"\"", "expected the closing quote of a string at byte 1, where the text ends"},
      {"\"a", "expected the closing quote of a string at byte 2, where the text ends"},
      {"[\"a]", "expected the closing quote of a string at byte 4, where the text ends"},
      {"\"a\\\"", "expected the closing quote of a string at byte 4, where the text ends"},
      {"'a'", "expected a JSON value at byte 0"},
  });
}

TEST(CheckJsonTest, KnowsNoEscapesButItsOwn) {
  expect_refused({
      {R"("\x41")", "expected a valid escape after '\\' at byte 2"},
      {R"("\'")", "expected a valid escape after '\\' at byte 2"},
      {R"("\a")", "expected a valid escape after '\\' at byte 2"},
      {R"("\0")", "expected a valid escape after '\\' at byte 2"},
      {R"("\U0041")", "expected a valid escape after '\\' at byte 2"},
      {"\"\\\n\"", "expected a valid escape after '\\' at byte 2"},
      {"\"\\\0\""sv, "expected a valid escape after '\\' at byte 2"},
      {"\"\\\xC3\xA9\"", "expected a valid escape after '\\' at byte 2"},
      {"\"\\", "expected a valid escape after '\\' at byte 2, where the text ends"},
      {R"("\u")", "expected four hexadecimal digits after '\\u' at byte 3"},
      {R"("\u12")", "expected four hexadecimal digits after '\\u' at byte 5"},
      {R"("\u12g4")", "expected four hexadecimal digits after '\\u' at byte 5"},
      {R"("\u 123")", "expected four hexadecimal digits after '\\u' at byte 3"},
      {"\"\\u00A", "expected four hexadecimal digits after '\\u' at byte 6, where the text ends"},
      {R"("\uD800\u")", "expected four hexadecimal digits after '\\u' at byte 9"},
  });
}

TEST(CheckJsonTest, WantsControlCharactersEscaped) {
  for (char c = 0; c < 0x20; ++c) {
    const std::string text{'"', 'a', c, '"'};
    EXPECT_EQ(check_json(text), "expected an escaped control character at byte 2") << int{c};
  }
  EXPECT_EQ(check_json("{\"a\tb\":1}"), "expected an escaped control character at byte 3");
}

TEST(CheckJsonTest, CountsLevelsOfArraysAndObjects) {
  EXPECT_EQ(check_json(nested(64, '[', ']')), "");
  EXPECT_EQ(check_json(nested(65, '[', ']')), "nested deeper than 64 levels at byte 64");
  EXPECT_EQ(check_json(std::string(65, '[')), "nested deeper than 64 levels at byte 64");

  std::string objects;
  for (int i = 0; i < 64; ++i)
    objects += "{\"a\":";
  EXPECT_EQ(check_json(objects + "1" + std::string(64, '}')), "");
  EXPECT_EQ(check_json(objects + "{" + std::string(65, '}')),
            "nested deeper than 64 levels at byte 320");
}

TEST(CheckJsonTest, CountsLevelsThatAreOpenNotThoseThatWere) {
  std::string text = "[";
  for (int i = 0; i < 200; ++i)
    text += nested(63, '[', ']') + ",";

  EXPECT_EQ(check_json(text + "1]"), "");
}

TEST(CheckJsonTest, TakesTheLevelsThatTheCallerAsksFor) {
  EXPECT_EQ(check_json("1", 0), "");
  EXPECT_EQ(check_json("[]", 0), "nested deeper than 0 levels at byte 0");
  EXPECT_EQ(check_json("[{}]", 2), "");
  EXPECT_EQ(check_json("[[[]]]", 2), "nested deeper than 2 levels at byte 2");
  EXPECT_EQ(check_json(nested(1'000'000, '[', ']'), SIZE_MAX),
            "nested deeper than 1024 levels at byte 1024");
}

TEST(CheckJsonTest, FindsTheFirstByteThatIsNotUtf8) {
  struct Malformed {
    std::string_view sequence;
    std::string_view why;
  };
  for (const auto& one : {
           Malformed{"\x80", "a continuation alone"},
           Malformed{"\xBF\xBF", "two continuations alone"},
           Malformed{"\xC3", "a cut sequence of two"},
           Malformed{"\xE2\x82", "a cut sequence of three"},
           Malformed{"\xF0\x9F\x98", "a cut sequence of four"},
           Malformed{"\xC0\xAF", "overlong slash in two"},
           Malformed{"\xC1\xBF", "overlong in two"},
           Malformed{"\xE0\x80\xAF", "overlong slash in three"},
           Malformed{"\xE0\x9F\xBF", "the last overlong in three"},
           Malformed{"\xF0\x8F\xBF\xBF", "the last overlong in four"},
           Malformed{"\xED\xA0\x80", "a surrogate"},
           Malformed{"\xED\xBF\xBF", "the last surrogate"},
           Malformed{"\xF4\x90\x80\x80", "above U+10FFFF"},
           Malformed{"\xF5\x80\x80\x80", "a first byte that never occurs"},
           Malformed{"\xFE", "a first byte that never occurs"},
           Malformed{"\xFF", "a first byte that never occurs"},
           Malformed{"\xE9t\xE9", "Latin-1"},
       }) {
    for (const auto before : {""sv, "\"a"sv, "\"\xC3\xA9"sv, "\"\xE2\x82\xAC"sv,
                              "\"\xF0\x9F\x98\x80"sv, "[\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80"sv}) {
      for (const std::size_t padding : {0U, 1U, 2U, 3U, 61U, 1'000U}) {
        const auto good = std::string(padding, ' ') + std::string{before};
        const auto text = good + std::string{one.sequence} + "\"]";
        ASSERT_EQ(check_json(text), "not UTF-8 at byte " + std::to_string(good.size()))
            << one.why << " after " << before << " and " << padding;
      }
    }
  }
}

TEST(CheckJsonTest, FindsASequenceThatIsCutByTheEnd) {
  EXPECT_EQ(check_json("\"\xF0\x9F\x98\x80\xF0\x9F"), "not UTF-8 at byte 5");
  EXPECT_EQ(check_json("\xE2"), "not UTF-8 at byte 0");
}

}  // namespace
}  // namespace carillon::engine
