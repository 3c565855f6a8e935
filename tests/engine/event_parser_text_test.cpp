// What the parser does with the two texts that it keeps as they were sent:
// description and metadata.
#include "tests/engine/event_json.hpp"

#include <gmock/gmock.h>

#include <string>
#include <string_view>

namespace carillon::engine {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EventParserTextTest : public EventParserTest {
 protected:
  /// The event, published as `members` say; null if it was refused.
  NewEvent parsed(std::string_view members) {
    auto result = parser_.parse(event_json(members), user_);
    EXPECT_TRUE(result) << result.error;
    return std::move(result.event);
  }
  std::string metadata(std::string_view text) {
    const auto event = parsed("\"metadata\":" + std::string{text});
    return event ? std::string{event->metadata_json()} : "";
  }
  std::string description(std::string_view inside) {
    const auto event = parsed("\"description\":\"" + std::string{inside} + "\"");
    return event ? event->description() : "";
  }
  /// Whether a description of `count` times `unit` is within the limit.
  bool fits(std::string_view unit, std::size_t count) {
    std::string text = "\"description\":\"";
    for (std::size_t i = 0; i < count; ++i)
      text += unit;
    return static_cast<bool>(parser_.parse(event_json(text + "\""), user_));
  }
};

TEST_F(EventParserTextTest, KeepsADescriptionAsItWasEscaped) {
  const auto event = parsed(R"("description" : "Caf\u00e9 \/ \"x\"" )");

  ASSERT_TRUE(event);
  EXPECT_EQ(event->view().description_json, R"(Caf\u00e9 \/ \"x\")");
  EXPECT_EQ(event->description(), "Caf\xC3\xA9 / \"x\"");
}

TEST_F(EventParserTextTest, FindsTheEndOfADescriptionWhateverFollows) {
  EXPECT_EQ(description(""), "");
  EXPECT_EQ(description("-"), "-");
  EXPECT_EQ(description(R"(ends in a quote \")"), "ends in a quote \"");
  EXPECT_EQ(description(R"(ends in a backslash \\)"), "ends in a backslash \\");
  EXPECT_EQ(description(R"(,\"x\":\"y\")"), ",\"x\":\"y\"");
  EXPECT_EQ(parsed("\"description\":\"a\" \t\r\n,\"x\":\"y\"")->description(), "a");
  EXPECT_EQ(parsed("\"description\":\"a\" \t\r\n")->description(), "a");
}

TEST_F(EventParserTextTest, TakesAnEscapedNulInADescription) {
  EXPECT_EQ(description(R"(a\u0000b)"), "a\0b"sv);
}

// Valid by the grammar, but no UTF-8 holds it, and readers refuse all that it comes in.
TEST_F(EventParserTextTest, RefusesHalfOfASurrogatePair) {
  constexpr auto fault =
      " holds half of a surrogate pair (\\uD800 to \\uDFFF), which is no character"sv;
  for (const std::string half :
       {R"(\ud800)", R"(a\uDBFFb)", R"(\udc00)", R"(\uDFFF\ud83d)", R"(\ud800\ud83d\ude00)",
        R"(\ud800\n)", R"(\ud800\u0041)", R"(\ud83d\ude00\ude00)", R"(\\\ud800)"}) {
    EXPECT_EQ(faults_with("\"description\":\"" + half + "\""), "description" + std::string{fault});
    EXPECT_EQ(faults_with("\"metadata\":{\"a\":[\"" + half + "\"]}"),
              "metadata" + std::string{fault});
    EXPECT_EQ(faults_with("\"metadata\":{\"" + half + "\":1}"), "metadata" + std::string{fault});
  }
  EXPECT_EQ(description(R"(\\ud800 \ud83d\ude00)"), "\\ud800 \xF0\x9F\x98\x80");
}

TEST_F(EventParserTextTest, CountsADescriptionInCodePoints) {
  for (const auto unit : {"a"sv, "\xC3\xA9"sv, "\xE2\x82\xAC"sv, "\xF0\x9F\x98\x80"sv, "\\n"sv,
                          "\\\\"sv, "\\\""sv, "\\/"sv, "\\u0041"sv, "\\u0000"sv, "\\uFFFF"sv,
                          "\\uD83D\\uDE00"sv, "\\ud83d\\ude00"sv, "\\udbff\\udfff"sv}) {
    EXPECT_TRUE(fits(unit, 5'000)) << unit;
    EXPECT_FALSE(fits(unit, 5'001)) << unit;
  }
}

TEST_F(EventParserTextTest, SaysHowLongADescriptionIs) {
  EXPECT_EQ(faults_with("\"description\":\"" + std::string(5'001, 'x') + "\""),
            "description is 5001 characters long; at most 5000 are allowed");
}

TEST_F(EventParserTextTest, KeepsMetadataAsSentButForWhiteSpace) {
  EXPECT_EQ(metadata("{}"), "{}");
  EXPECT_EQ(metadata(" { } "), "{}");
  EXPECT_EQ(metadata("{ \"a b\" :\t\" c \\\" d \" ,\r\n\"e\" : [ 1 , { } ] }"),
            R"({"a b":" c \" d ","e":[1,{}]})");
}

TEST_F(EventParserTextTest, KeepsNumbersThatNoDoubleHolds) {
  constexpr auto numbers =
      R"({"a":1e400,"b":-1E-9999,"c":123456789012345678901234567890,"d":1.00,"e":-0,"f":1E+2})"sv;

  EXPECT_EQ(metadata(numbers), numbers);
}

TEST_F(EventParserTextTest, KeepsEscapesAndDoubledNamesInMetadata) {
  constexpr auto odd =
      R"({"a":1,"a":{"id":1,"id":2},"\u0061":"\u00e9\/\ud83d\ude00\u0000","category":"X"})"sv;

  EXPECT_EQ(metadata(odd), odd);
}

TEST_F(EventParserTextTest, KeepsMetadataOfAnySizeAndPlace) {
  for (std::size_t bytes = 0; bytes < 300; ++bytes) {
    const auto text = "{\"a\":\"" + std::string(bytes, ' ') + "\"}";
    ASSERT_EQ(metadata(text), text);
    ASSERT_EQ(metadata(std::string(bytes, ' ') + "{ \"a\" :1}" + std::string(bytes, '\n')),
              "{\"a\":1}");
  }
  const auto large = "{\"a\":\"" + std::string(250'000, 'x') + "\"}";
  EXPECT_EQ(metadata(large), large);
}

TEST_F(EventParserTextTest, ReadsTheFieldsThatFollowMetadata) {
  const auto event = parsed(R"("metadata":{"a":[{"b":{}}]},"description":"after")");

  ASSERT_TRUE(event);
  EXPECT_EQ(event->description(), "after");
  EXPECT_EQ(event->metadata_json(), R"({"a":[{"b":{}}]})");
}

TEST_F(EventParserTextTest, RefusesMetadataThatIsNotAnObject) {
  for (const auto* value : {"[]", "1", "\"{}\"", "true", "\"\""})
    EXPECT_EQ(faults_with("\"metadata\":" + std::string{value}), "metadata must be a JSON object")
        << value;
}

class EventParserErrorTest : public EventParserTest {
 protected:
  std::string faults(std::string_view metadata) {
    const auto result = parser_.parse(
        R"({"category":"a","action":"b","severity":"ERROR")" + std::string{metadata} + "}", user_);
    std::string line;
    for (const auto& fault : result.details)
      line += fault.field + " " + fault.error + ";";
    return line;
  }
  static constexpr auto missing =
      R"(metadata must hold "error" or "err" when severity is error;)"sv;
};

TEST_F(EventParserErrorTest, WantsTheReasonOfAnError) {
  EXPECT_EQ(faults(""), missing);
  EXPECT_EQ(faults(R"(,"metadata":null)"), missing);
  EXPECT_EQ(faults(R"(,"metadata":{})"), missing);
  EXPECT_EQ(faults(R"(,"metadata":{"Error":1,"errors":2,"er":3,"error ":4})"), missing);
}

TEST_F(EventParserErrorTest, TakesErrorOrErrOfAnyType) {
  for (const auto* value : {"null", "\"boom\"", "{\"code\":1}", "[]", "0"}) {
    EXPECT_EQ(faults(R"(,"metadata":{"error":)" + std::string{value} + "}"), "") << value;
    EXPECT_EQ(faults(R"(,"metadata":{"a":[{}],"err" : )" + std::string{value} + "}"), "") << value;
  }
  EXPECT_EQ(faults(R"(,"metadata":{"\u0065rror":1})"), "");
}

TEST_F(EventParserErrorTest, LooksAtTheTopLevelOfMetadataOnly) {
  EXPECT_EQ(faults(R"(,"metadata":{"a":{"error":1}})"), missing);
  EXPECT_EQ(faults(R"(,"metadata":{"a":[{"err":1}]})"), missing);
  EXPECT_EQ(faults(R"(,"metadata":{"a":"error"})"), missing);
  EXPECT_EQ(faults(R"(,"metadata":{"a":"\"error\":"})"), missing);
  EXPECT_EQ(faults(R"(,"metadata":{"a":["error"]})"), missing);
  EXPECT_EQ(faults(R"(,"error":1)"), missing);
  EXPECT_EQ(faults(R"(,"metadata":{"a":{"b":1},"error":2})"), "");
}

TEST_F(EventParserErrorTest, ReportsOneFaultForOneField) {
  EXPECT_EQ(faults(R"(,"metadata":[])"), "metadata must be a JSON object;");
}

}  // namespace
}  // namespace carillon::engine
