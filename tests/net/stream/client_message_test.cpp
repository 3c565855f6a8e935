#include "net/src/client_message.hpp"

#include "tests/support/events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Type = ClientMessage::Type;

TEST(ClientMessageTest, TakesRefAndEventAsTheyStandInTheText) {
  std::string text =
      R"( { "event" : {"n": 123456789012345678901234567890, "s":"}"} , "ref" : 7 , "type":"publish" } )";

  const auto message = parse_client_message(text);

  EXPECT_EQ(message.type, Type::publish);
  EXPECT_EQ(message.ref, "7");
  EXPECT_EQ(message.event, R"({"n": 123456789012345678901234567890, "s":"}"})");
}

TEST(ClientMessageTest, ReadsEscapedNamesAndTypes) {
  std::string text = "{\"\\u0074ype\":\"pin\\u0067\",\"ref\":\"\\u0041\"}";

  const auto message = parse_client_message(text);

  EXPECT_EQ(message.type, Type::ping);
  EXPECT_EQ(message.ref, R"("\u0041")");
}

TEST(ClientMessageTest, TellsMalformedFromInvalidFromUnknown) {
  const auto type = [](std::string text) { return parse_client_message(text).type; };

  EXPECT_EQ(type(""), Type::malformed);
  EXPECT_EQ(type(R"({"type":"ping"} x)"), Type::malformed);
  EXPECT_EQ(type(R"({"type":"ping","x":tru})"), Type::malformed);
  EXPECT_EQ(type(R"(["type"])"), Type::malformed);
  EXPECT_EQ(type(R"({})"), Type::invalid);
  EXPECT_EQ(type(R"({"type":1})"), Type::invalid);
  EXPECT_EQ(type(R"({"type":"ping","ref":[1]})"), Type::invalid);
  EXPECT_EQ(type(R"({"type":"ping","ref":")" + std::string(300, 'x') + "\"}"), Type::invalid);
  EXPECT_EQ(type(R"({"type":"Ping"})"), Type::unknown);
  EXPECT_EQ(type(R"({"type":"token","token":"x"})"), Type::token);
}

TEST(FilterMessageTest, ReadsEveryFieldAsStringOrArray) {
  const auto uuid = engine::to_string(testing::user(1));
  std::string text = R"({"type":"filter","ref":1,"category":["a","b"],"action":"c",)"
                     R"("severity":["info","ERROR"],"actedUpon":")" +
                     uuid + R"(","systemId":[],"owner":[")" + uuid +
                     R"("],"status":"read","search":"x y","from":"2026-01-01",)"
                     R"("to":"2026-01-02T00:00:00Z"})";

  const auto [filter, faults] = parse_filter_message(text);

  ASSERT_THAT(faults.details, IsEmpty());
  EXPECT_THAT(filter.categories, ElementsAre("a", "b"));
  EXPECT_THAT(filter.actions, ElementsAre("c"));
  EXPECT_THAT(filter.severities,
              ElementsAre(engine::Severity::informational, engine::Severity::error));
  EXPECT_THAT(filter.acted_upon, ElementsAre(testing::user(1)));
  EXPECT_THAT(filter.system_ids, ElementsAre());
  EXPECT_THAT(filter.owners, ElementsAre(testing::user(1)));
  EXPECT_EQ(filter.status, engine::Status::read);
  EXPECT_EQ(filter.search, "x y");
  EXPECT_EQ(filter.from, engine::parse_timestamp("2026-01-01"));
  EXPECT_EQ(filter.to, engine::parse_timestamp("2026-01-02"));
}

TEST(FilterMessageTest, RefusesWhatWouldLetMoreThroughThanWasAskedFor) {
  const auto faulty = [](std::string text) {
    const auto message = parse_filter_message(text);
    EXPECT_EQ(message.faults.code, "invalid_query");
    std::vector<std::string> fields;
    for (const auto& fault : message.faults.details)
      fields.push_back(fault.field);
    return fields;
  };

  EXPECT_THAT(faulty(R"({"type":"filter"})"), IsEmpty());
  EXPECT_THAT(faulty(R"({"type":"filter","severities":"error","owner":"me","action":"b"})"),
              ElementsAre("severities", "owner"));
  EXPECT_THAT(faulty(R"({"type":"filter","severity":["error","loud"]})"), ElementsAre("severity"));
  EXPECT_THAT(faulty(R"({"type":"filter","severity":3})"), ElementsAre("severity"));
  EXPECT_THAT(faulty(R"({"type":"filter","status":["read","unread"]})"), ElementsAre("status"));
  EXPECT_THAT(faulty(R"({"type":"filter","from":"yesterday"})"), ElementsAre("from"));
  EXPECT_THAT(faulty(R"({"type":"filter","nothing":[]})"), ElementsAre("nothing"));
}

TEST(EventSequenceTest, IsReadFromAnEventsJson) {
  EXPECT_EQ(sequence_in_event(R"({"metadata":{"sequence":5},"sequence":77})"), 77U);
  EXPECT_EQ(sequence_in_event("{}"), 0U);
  EXPECT_EQ(sequence_in_event(""), 0U);
}

}  // namespace
}  // namespace carillon::net
