// The event table of the contract, rule by rule, as publishers meet it.
#include "carillon/engine/event_parser.hpp"

#include "tests/engine/event_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace carillon::engine {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST_F(EventParserTest, ReadsTheExampleOfMesherysDocumentation) {
  const auto result = parser_.parse(R"({
    "category": "client_event", "action": "create", "severity": "info",
    "description": "Client event creation", "metadata": {"key": "value", "n": [1, 2]}})",
                                    user_);

  ASSERT_TRUE(result) << result.error;
  const auto& event = *result.event;
  EXPECT_EQ(event.category(), "client_event");
  EXPECT_EQ(event.action(), "create");
  EXPECT_EQ(event.severity(), Severity::informational);
  EXPECT_EQ(event.description(), "Client event creation");
  EXPECT_EQ(event.metadata_json(), R"({"key":"value","n":[1,2]})");
}

TEST_F(EventParserTest, SetsWhatThePublisherLeftOut) {
  const auto result = parser_.parse(event_json(), user_);

  ASSERT_TRUE(result) << result.error;
  const auto& event = *result.event;
  EXPECT_EQ(event.id().bytes[6] >> 4U, 7U) << "a UUIDv7";
  EXPECT_FALSE(event.id_from_publisher());
  EXPECT_EQ(event.owner(), user_.user);
  EXPECT_EQ(event.system_id(), system_);
  EXPECT_EQ(event.operation_id().bytes[6] >> 4U, 4U) << "random";
  EXPECT_TRUE(event.acted_upon().is_nil());
  EXPECT_EQ(event.description(), "");
  EXPECT_EQ(event.metadata_json(), "{}");
  EXPECT_EQ(event.initial_status(), Status::unread);
  EXPECT_EQ(event.audience(), Audience::user);
}

TEST_F(EventParserTest, ReadsEveryFieldThatAPublisherMaySet) {
  const auto result =
      parser_.parse(event_json(R"("id":"00000000-0000-0000-0000-00000000000A",)"
                               R"("operationId":"00000000-0000-0000-0000-00000000000b",)"
                               R"("actedUpon":"00000000-0000-0000-0000-00000000000c",)"
                               R"("systemId":"00000000-0000-0000-0000-00000000000d")"),
                    service_);

  ASSERT_TRUE(result) << result.error;
  const auto& event = *result.event;
  EXPECT_EQ(to_string(event.id()), "00000000-0000-0000-0000-00000000000a") << "any version";
  EXPECT_TRUE(event.id_from_publisher());
  EXPECT_EQ(to_string(event.operation_id()), "00000000-0000-0000-0000-00000000000b");
  EXPECT_EQ(to_string(event.acted_upon()), "00000000-0000-0000-0000-00000000000c");
  EXPECT_EQ(to_string(event.system_id()), "00000000-0000-0000-0000-00000000000d");
}

TEST_F(EventParserTest, TakesTheNilUuidAsAbsent) {
  const std::string nil = "\"00000000-0000-0000-0000-000000000000\"";
  const auto result =
      parser_.parse(event_json("\"id\":" + nil + ",\"owner\":" + nil + ",\"systemId\":" + nil +
                               ",\"operationId\":" + nil + ",\"actedUpon\":" + nil),
                    service_);

  ASSERT_TRUE(result) << result.error;
  EXPECT_EQ(result.event->id().bytes[6] >> 4U, 7U);
  EXPECT_FALSE(result.event->id_from_publisher());
  EXPECT_EQ(result.event->owner(), service_.user);
  EXPECT_EQ(result.event->system_id(), system_);
  EXPECT_FALSE(result.event->operation_id().is_nil());
}

TEST_F(EventParserTest, RefusesWhatIsNotAUuid) {
  for (const auto* field : {"id", "owner", "systemId", "operationId", "actedUpon"}) {
    for (const auto* value :
         {"\"\"", "\"x\"", "1", "{}", "[]", "true", "\"0000000000000000000000000000000a\"",
          "\"00000000-0000-0000-0000-00000000000a \"", "\"\\ud800\""}) {
      const auto result =
          parser_.parse(event_json("\"" + std::string{field} + "\":" + value), service_);

      EXPECT_EQ(result.fault, ParseFault::invalid_event);
      EXPECT_THAT(result.details,
                  ElementsAre(Fault{
                      field, "must be a UUID such as \"018f2f6e-7c3a-7b4e-9d2a-5f1c0e8a7b6d\""}))
          << field << value;
    }
  }
}

TEST_F(EventParserTest, ReadsAUuidWithEscapesInIt) {
  const auto result =
      parser_.parse(event_json(R"("id":"0000000\u0030-0000-0000-0000-00000000000\u0061")"), user_);

  ASSERT_TRUE(result) << result.error;
  EXPECT_EQ(to_string(result.event->id()), "00000000-0000-0000-0000-00000000000a");
}

TEST_F(EventParserTest, TakesTheOwnerFromTheCaller) {
  for (const auto* name : {"owner", "userId", "user_id"}) {
    const auto own = "\"" + std::string{name} + "\":\"" + to_string(user_.user) + "\"";

    const auto result = parser_.parse(event_json(own), user_);

    ASSERT_TRUE(result) << result.error;
    EXPECT_EQ(result.event->owner(), user_.user);
  }
}

TEST_F(EventParserTest, LetsOnlyAServiceNameAnotherOwner) {
  for (const auto* name : {"owner", "userId", "user_id"}) {
    const auto foreign = "\"" + std::string{name} + "\":\"" + to_string(other_) + "\"";

    const auto refused = parser_.parse(event_json(foreign), user_);
    const auto accepted = parser_.parse(event_json(foreign), service_);

    EXPECT_EQ(refused.fault, ParseFault::forbidden);
    EXPECT_THAT(refused.details, ElementsAre(Fault{name, "is not allowed for this caller"}));
    EXPECT_EQ(refused.error,
              "Only a service may publish for another user; leave " + std::string{name} + " out");
    EXPECT_FALSE(refused.event);
    ASSERT_TRUE(accepted) << accepted.error;
    EXPECT_EQ(accepted.event->owner(), other_);
  }
}

TEST_F(EventParserTest, KeepsTheSystemIdOfAServiceOnly) {
  const auto foreign = event_json("\"systemId\":\"" + to_string(other_) + "\"");

  EXPECT_EQ(parser_.parse(foreign, service_).event->system_id(), other_);
  EXPECT_EQ(parser_.parse(foreign, user_).event->system_id(), system_);
}

TEST_F(EventParserTest, LetsOnlyAServicePublishToEveryone) {
  const auto broadcast = event_json(R"("audience":"everyone")");

  const auto refused = parser_.parse(broadcast, user_);
  const auto accepted = parser_.parse(broadcast, service_);

  EXPECT_EQ(refused.fault, ParseFault::forbidden);
  EXPECT_THAT(refused.details, ElementsAre(Fault{"audience", "is not allowed for this caller"}));
  ASSERT_TRUE(accepted) << accepted.error;
  EXPECT_EQ(accepted.event->audience(), Audience::everyone);
  EXPECT_TRUE(accepted.event->owner().is_nil());
}

TEST_F(EventParserTest, KnowsTwoAudiences) {
  EXPECT_EQ(parser_.parse(event_json(R"("audience":"user")"), user_).event->audience(),
            Audience::user);
  EXPECT_TRUE(parser_.parse(event_json(R"("audience":null)"), user_));
  EXPECT_TRUE(parser_.parse(event_json(R"("audience":"")"), user_));
  for (const auto* audience : {"\"Everyone\"", "\"all\"", "\"-\"", "\"\\u0000\""})
    EXPECT_EQ(faults_with("\"audience\":" + std::string{audience}),
              "audience must be \"user\" (the owner; the default) or \"everyone\"")
        << audience;
  EXPECT_EQ(faults_with("\"audience\":[]"), "audience must be a string");
}

TEST_F(EventParserTest, ReadsSeveritiesWhateverTheirCase) {
  const auto severity_of = [this](std::string_view word) {
    return parser_
        .parse(R"({"category":"a","action":"b","metadata":{"err":1},"severity":")" +
                   std::string{word} + "\"}",
               user_)
        .event->severity();
  };

  EXPECT_EQ(severity_of("ALERT"), Severity::alert);
  EXPECT_EQ(severity_of("critical"), Severity::critical);
  EXPECT_EQ(severity_of("Debug"), Severity::debug);
  EXPECT_EQ(severity_of("emergency"), Severity::emergency);
  EXPECT_EQ(severity_of("eRRoR"), Severity::error);
  EXPECT_EQ(severity_of("informational"), Severity::informational);
  EXPECT_EQ(severity_of("Info"), Severity::informational);
  EXPECT_EQ(severity_of("success"), Severity::success);
  EXPECT_EQ(severity_of("warning"), Severity::warning);
  EXPECT_EQ(severity_of("WARN"), Severity::warning);
  EXPECT_EQ(severity_of("\\u0077arn"), Severity::warning);
}

TEST_F(EventParserTest, RefusesUnknownSeverities) {
  for (const auto* word : {"-", "fatal", "err", "info ", "in\\u0000fo", "\xC3\xA9", "\\ud800"}) {
    const auto result = parser_.parse(
        R"({"category":"a","action":"b","severity":")" + std::string{word} + "\"}", user_);

    ASSERT_EQ(result.fault, ParseFault::invalid_event) << word;
    ASSERT_EQ(result.details.size(), 1U) << word;
    EXPECT_EQ(result.details[0].field, "severity");
  }
}

TEST_F(EventParserTest, TakesKindsOfSnakeCaseOnly) {
  constexpr auto wrong = "must be snake_case: words of a-z and 0-9 joined by single underscores";
  for (const auto* kind :
       {"-", "_", "a_", "a__b", "A", "a-b", "a b", "a\\u0000", "a\\n", "a\\\"", "caf\xC3\xA9"}) {
    const auto result = parser_.parse(R"({"category":")" + std::string{kind} + R"(","action":")" +
                                          kind + R"(","severity":"info"})",
                                      user_);

    EXPECT_EQ(result.fault, ParseFault::invalid_event);
    EXPECT_THAT(result.details, ElementsAre(Fault{"category", wrong}, Fault{"action", wrong}))
        << kind;
  }
}

TEST_F(EventParserTest, DecodesTheEscapesOfKinds) {
  const auto result =
      parser_.parse(R"({"category":"\u0061_b","action":"c\u0031","severity":"info"})", user_);

  ASSERT_TRUE(result) << result.error;
  EXPECT_EQ(result.event->category(), "a_b");
  EXPECT_EQ(result.event->action(), "c1");
}

TEST_F(EventParserTest, MeasuresKindsInDecodedBytes) {
  std::string escaped;
  for (int i = 0; i < 500; ++i)
    escaped += "\\u0061";
  const auto text = [](const std::string& category) {
    return R"({"action":"b","severity":"info","category":")" + category + "\"}";
  };

  EXPECT_TRUE(parser_.parse(text(escaped), user_));
  EXPECT_THAT(parser_.parse(text(escaped + "a"), user_).details,
              ElementsAre(Fault{"category", "is 501 bytes long; at most 500 are allowed"}));
}

TEST_F(EventParserTest, WantsCategoryActionAndSeverity) {
  for (const auto* text :
       {"{}", R"({"category":null,"action":null,"severity":null})",
        R"({"category":"","action":"","severity":""})", R"({"Category":"a","ACTION":"b"})"})
    EXPECT_THAT(parser_.parse(text, user_).details,
                ElementsAre(Fault{"category", "is required"}, Fault{"action", "is required"},
                            Fault{"severity", "is required"}))
        << text;
}

TEST_F(EventParserTest, WantsStringsWhereTheContractSaysString) {
  for (const auto* value : {"1", "-1.5e3", "true", "false", "[]", "[\"a\"]", "{}", "{\"a\":1}"}) {
    const auto result =
        parser_.parse(R"({"category":)" + std::string{value} + R"(,"action":)" + value +
                          R"(,"severity":)" + value + R"(,"description":)" + value + "}",
                      user_);

    EXPECT_THAT(result.details, ElementsAre(Fault{"category", "must be a string"},
                                            Fault{"action", "must be a string"},
                                            Fault{"severity", "must be a string"},
                                            Fault{"description", "must be a string"}))
        << value;
  }
}

TEST_F(EventParserTest, ReportsAllFaultsAtOnce) {
  const auto result = parser_.parse(
      R"({"id":"x","category":"A","severity":"bad","description":1,"metadata":[],"id":"y"})",
      user_);

  EXPECT_EQ(result.fault, ParseFault::invalid_event);
  EXPECT_EQ(result.error,
            "The event is invalid: id must be a UUID such as "
            "\"018f2f6e-7c3a-7b4e-9d2a-5f1c0e8a7b6d\", and 6 more (see details)");
  ASSERT_EQ(result.details.size(), 7U);
  EXPECT_EQ(result.details[1], (Fault{"description", "must be a string"}));
  EXPECT_EQ(result.details[2], (Fault{"metadata", "must be a JSON object"}));
  EXPECT_EQ(result.details[3], (Fault{"id", "is given twice"}));
  EXPECT_EQ(result.details[4].field, "category");
  EXPECT_EQ(result.details[5], (Fault{"action", "is required"}));
  EXPECT_EQ(result.details[6].field, "severity");
}

TEST_F(EventParserTest, SaysTheOnlyFaultInItsSentence) {
  EXPECT_EQ(parser_.parse(R"({"category":"a","severity":"info"})", user_).error,
            "The event is invalid: action is required");
}

TEST_F(EventParserTest, PrefersInvalidToForbidden) {
  const auto result =
      parser_.parse("{\"owner\":\"" + to_string(other_) + "\",\"audience\":\"everyone\"}", user_);

  EXPECT_EQ(result.fault, ParseFault::invalid_event);
}

TEST_F(EventParserTest, RefusesAFieldThatIsGivenTwice) {
  for (const auto* field : {"id", "systemId", "operationId", "actedUpon", "category", "action",
                            "severity", "description", "metadata", "audience", "status",
                            "createdAt", "updatedAt", "deletedAt", "sequence"}) {
    const auto name = "\"" + std::string{field} + "\":null";
    const auto result = parser_.parse("{" + name + "," + name + "}", user_);

    EXPECT_EQ(result.fault, ParseFault::invalid_event) << field;
    ASSERT_FALSE(result.details.empty()) << field;
    EXPECT_EQ(result.details[0], (Fault{field, "is given twice"}));
  }
}

TEST_F(EventParserTest, SeesThroughAnEscapedNameGivenTwice) {
  EXPECT_EQ(faults_with(R"("\u0063ategory":"b")"), "category is given twice");
  EXPECT_EQ(faults_with(R"("actio\u006E":"b")"), "action is given twice");
  EXPECT_EQ(faults_with(R"("status":"read","stat\u0075s":"read")"), "status is given twice");
}

TEST_F(EventParserTest, SeesThroughSynonymsGivenTwice) {
  const auto id = "\"" + to_string(user_.user) + "\"";
  for (const auto* names : {"owner,userId", "userId,user_id", "user_id,owner", "owner,owner"}) {
    const std::string both{names};
    const auto comma = both.find(',');
    const auto second = both.substr(comma + 1);

    EXPECT_EQ(faults_with("\"" + both.substr(0, comma) + "\":" + id + ",\"" + second + "\":" + id),
              second + " is given twice (userId and user_id are other names of owner)");
  }
}

TEST_F(EventParserTest, KeepsTheFirstOfTwoMetadataForTheOtherChecks) {
  EXPECT_EQ(faults_with(R"("metadata":{"a":1},"metadata":{"b":2})"), "metadata is given twice");
}

TEST_F(EventParserTest, IgnoresUnknownFields) {
  const auto result = parser_.parse(
      event_json(R"("x":1,"x":{"id":"y","category":1},"":[],"ID":7,"Owner":[],"acted_upon":"z",)"
                 R"("id ":"z","\ud800":1,"\udc00id":2,"id\u0000":3,"big":1e999,)"
                 R"("deep":[[[{"id":1}]]],"\ud83d\ude00":"\ud800")"),
      user_);

  ASSERT_TRUE(result) << result.error;
  EXPECT_FALSE(result.event->id_from_publisher());
  EXPECT_EQ(result.event->metadata_json(), "{}");
}

TEST_F(EventParserTest, IgnoresTheValuesOfWhatTheServerSets) {
  const auto result = parser_.parse(
      event_json(R"("status":"read","createdAt":"yesterday","updatedAt":{},"deletedAt":[1],)"
                 R"("sequence":-1e99)"),
      user_);

  ASSERT_TRUE(result) << result.error;
  EXPECT_EQ(result.event->initial_status(), Status::unread);
  EXPECT_EQ(result.event->sequence(), 0U);
}

TEST_F(EventParserTest, TakesNullAsAbsent) {
  const auto result = parser_.parse(
      event_json(R"("id":null,"owner":null,"systemId":null,"operationId":null,"actedUpon":null,)"
                 R"("description":null,"metadata":null,"audience":null,"status":null)"),
      user_);

  ASSERT_TRUE(result) << result.error;
  EXPECT_EQ(result.event->owner(), user_.user);
  EXPECT_EQ(result.event->description(), "");
  EXPECT_EQ(result.event->metadata_json(), "{}");
}

TEST_F(EventParserTest, WantsAnObject) {
  for (const auto* text : {"[]", "1", "\"{}\"", "null", " [ {} ] ", "true"}) {
    const auto result = parser_.parse(text, user_);

    EXPECT_EQ(result.fault, ParseFault::invalid_event) << text;
    EXPECT_EQ(result.error, "An event must be a JSON object") << text;
  }
}

TEST_F(EventParserTest, SaysWhereATextIsNotJson) {
  const auto error_of = [this](std::string_view text) {
    const auto result = parser_.parse(text, user_);
    EXPECT_EQ(result.fault, ParseFault::malformed_json);
    EXPECT_THAT(result.details, IsEmpty());
    EXPECT_THAT(result.error, StartsWith("The body is not valid JSON: "));
    return result.error.substr(28);
  };

  EXPECT_EQ(error_of(""), "expected a JSON value at byte 0, where the text ends");
  EXPECT_EQ(error_of(" "), "expected a JSON value at byte 1, where the text ends");
  EXPECT_EQ(error_of("{\"category\":\"a\",}"), "expected a member's name in quotes at byte 16");
  EXPECT_EQ(error_of("{\"unknown\":01}"), "expected ',' or '}' at byte 12");
  EXPECT_EQ(error_of("{\"a\":\"\xC3\xA9\xC3\"}"), "not UTF-8 at byte 8");
  EXPECT_EQ(error_of("{} {}"), "expected the end of the text at byte 3");
  EXPECT_EQ(error_of("{\"a\":\"\n\"}"), "expected an escaped control character at byte 6");
  EXPECT_EQ(error_of("\xEF\xBB\xBF{}"),
            "a byte order mark (EF BB BF) stands before the text, at byte 0");
  EXPECT_EQ(error_of("{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}"),
            "nested deeper than 64 levels at byte 68");
}

TEST_F(EventParserTest, TakesSixtyFourLevels) {
  const auto result = parser_.parse(
      event_json("\"metadata\":{\"a\":" + std::string(62, '[') + std::string(62, ']') +
                 "},\"x\":" + std::string(63, '[') + std::string(63, ']')),
      user_);

  ASSERT_TRUE(result) << result.error;
  EXPECT_EQ(result.event->metadata_json().size(), 5U + 124U + 1U);
}

TEST_F(EventParserTest, CanBeUsedAgainAfterAnyFault) {
  for (const auto* text : {"", "{", "{}", "[]", "\xFF", "{\"category\":1}"}) {
    EXPECT_FALSE(parser_.parse(text, user_));
    EXPECT_TRUE(parser_.parse(event_json(), user_)) << "after " << text;
  }
}

TEST_F(EventParserTest, ReadsNoFurtherThanTheTextItIsGiven) {
  const auto text = event_json();
  // A heap copy without padding: the address sanitizer watches its end.
  for (std::size_t bytes = 0; bytes <= text.size(); ++bytes) {
    const std::vector<char> exact(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bytes));
    const auto result = parser_.parse({exact.data(), exact.size()}, user_);
    ASSERT_EQ(static_cast<bool>(result), bytes == text.size()) << bytes;
  }
}

}  // namespace
}  // namespace carillon::engine
