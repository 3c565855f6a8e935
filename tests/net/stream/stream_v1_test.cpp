#include "tests/net/stream/stream_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing::WebSocketClient;

const engine::UserId alice = testing::user(1);

constexpr auto event_json =
    R"({"category":"pattern","action":"deploy","severity":"success","description":"by v1"})";

class StreamV1Test : public ::testing::Test {
 protected:
  WebSocketClient connect(StreamHarness& harness) {
    auto client = harness.websocket(alice, "carillon.v1");
    welcome_ = client.read_text();
    return client;
  }
  static std::string publish(std::string_view ref, std::string_view event) {
    return R"({"type":"publish","ref":)" + std::string{ref} + R"(,"event":)" + std::string{event} +
           "}";
  }
  // The value of the first such member, for texts of a known shape.
  static std::string member(const std::string& json, const std::string& name) {
    const auto found = json.find('"' + name + "\":");
    if (found == std::string::npos) return {};
    auto value = found + name.size() + 3;
    if (json[value] == '"') ++value;
    return json.substr(value, json.find_first_of("\",}", value) - value);
  }

  std::string welcome_;
};

TEST_F(StreamV1Test, WelcomesWithCursorSessionAndEpoch) {
  StreamHarness harness;

  connect(harness);

  EXPECT_THAT(welcome_, MatchesRegex(R"(\{"type":"welcome","cursor":"[A-Za-z0-9_-]{32}",)"
                                     R"("session":"[0-9a-f-]{36}","epoch":"[0-9a-f]{12}"\})"));
}

TEST_F(StreamV1Test, WrapsEachEventWithItsCursor) {
  StreamHarness harness;
  auto client = connect(harness);

  harness.publish(alice, "wrapped");

  const auto text = client.read_text();
  EXPECT_THAT(text,
              MatchesRegex(R"(\{"type":"event","cursor":"[A-Za-z0-9_-]{32}","event":\{.*\}\})"));
  EXPECT_EQ(member(text, "description"), "wrapped");
}

TEST_F(StreamV1Test, AnswersPingWithItsRef) {
  StreamHarness harness;
  auto client = connect(harness);

  client.send_text(R"({"ref" : "a \"b\"" , "type":"ping"})");
  client.send_text(R"({"type":"ping","ref":12.5})");
  client.send_text(R"({"type":"ping"})");

  EXPECT_EQ(client.read_text(), R"({"type":"pong","ref":"a \"b\""})");
  EXPECT_EQ(client.read_text(), R"({"type":"pong","ref":12.5})");
  EXPECT_EQ(client.read_text(), R"({"type":"pong","ref":null})");
}

TEST_F(StreamV1Test, AcknowledgesAPublishOnlyWhenItIsDurable) {
  testing::ManualLog log;
  StreamHarness harness{{.log = &log}};
  auto client = connect(harness);

  client.send_text(publish("1", event_json));
  const auto event = client.read_text();
  EXPECT_EQ(member(event, "type"), "event");
  client.send_text(R"({"type":"ping","ref":"before the commit"})");
  EXPECT_EQ(member(client.read_text(), "type"), "pong");
  ASSERT_TRUE(log.wait_pending(1));
  log.commit();

  EXPECT_EQ(client.read_text(), R"({"type":"ack","ref":1,"id":")" + member(event, "id") +
                                    R"(","sequence":)" + member(event, "sequence") + "}");
}

TEST_F(StreamV1Test, AcknowledgesASecondPublishOfOneIdWithTheFirstSequence) {
  testing::ManualLog log;
  StreamHarness harness{{.log = &log}};
  auto client = connect(harness);
  const auto with_id = publish("\"p\"", R"({"id":"0190a5b0-0000-4000-8000-000000000001",)" +
                                            std::string{event_json}.substr(1));
  client.send_text(with_id);
  ASSERT_TRUE(log.wait_lookups(1));
  log.answer_lookups();
  ASSERT_TRUE(log.wait_pending(1));
  static_cast<void>(client.read_text());
  log.commit();
  const auto first = client.read_text();
  ASSERT_EQ(member(first, "type"), "ack");

  client.send_text(with_id);
  ASSERT_TRUE(log.wait_lookups(1));
  log.answer_lookups();

  EXPECT_EQ(client.read_text(), first);
}

TEST_F(StreamV1Test, TakesAnEventNestedAsDeeplyAsOverHttp) {
  StreamHarness harness;
  auto client = connect(harness);
  const auto nested = [](std::size_t levels) {  // the event is the first of them
    std::string event = R"({"category":"a","action":"b","severity":"info","metadata":)";
    for (std::size_t level = 1; level < levels; ++level)
      event += R"({"a":)";
    return event + "1" + std::string(levels, '}');
  };

  client.send_text(publish("1", nested(64)));
  EXPECT_EQ(member(client.read_text(), "type"), "event");
  EXPECT_EQ(member(client.read_text(), "type"), "ack");

  client.send_text(publish("2", nested(65)));
  EXPECT_EQ(member(client.read_text(), "code"), "malformed_json");
}

TEST_F(StreamV1Test, AnswersABadPublishWithCodeAndDetails) {
  StreamHarness harness;
  auto client = connect(harness);

  client.send_text(publish("5", R"({"category":"Not Snake","severity":"success"})"));
  const auto invalid = client.read_text();
  client.send_text(R"({"type":"publish","ref":6})");
  const auto missing = client.read_text();
  client.send_text(
      publish("7", R"({"category":"a","action":"b","severity":"info","description":")" +
                       std::string(300'000, 'x') + "\"}"));
  const auto large = client.read_text();

  EXPECT_TRUE(invalid.starts_with(R"({"type":"error","ref":5,"code":"invalid_event","error":")"))
      << invalid;
  EXPECT_THAT(invalid, HasSubstr(R"("field":"category")"));
  EXPECT_THAT(invalid, HasSubstr(R"("field":"action")"));
  EXPECT_THAT(missing, HasSubstr(R"("ref":6,"code":"invalid_body")"));
  EXPECT_THAT(large, HasSubstr(R"("ref":7,"code":"body_too_large")"));
}

TEST_F(StreamV1Test, DrainAnswersWhatIsInFlightBeforeItSaysGoodbye) {
  testing::ManualLog log;
  StreamHarness harness{{.log = &log}};
  auto client = connect(harness);
  client.send_text(publish("1", event_json));
  EXPECT_EQ(member(client.read_text(), "type"), "event");
  ASSERT_TRUE(log.wait_pending(1));

  harness.drain(alice, [] {});
  client.send_text(publish("2", event_json));
  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":2,"code":"draining")"));
  log.commit();

  EXPECT_EQ(member(client.read_text(), "type"), "ack");
  EXPECT_EQ(member(client.read_text(), "type"), "goodbye");
  EXPECT_EQ(client.read_data().close_code(), 1001U);
}

TEST_F(StreamV1Test, ForbidsNamingAnotherOwnerWithoutServiceRights) {
  StreamHarness harness;
  StreamSpec stream;
  stream.kind = StreamSpec::Kind::websocket;
  stream.user = alice;
  stream.service = false;
  WebSocketClient client{
      harness.connect(std::move(stream), WebSocketClient::upgrade_request("carillon.v1"))};
  static_cast<void>(client.read_head());
  static_cast<void>(client.read_text());

  client.send_text(publish("1", R"({"owner":")" + engine::to_string(testing::user(2)) + "\"," +
                                    std::string{event_json}.substr(1)));

  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":1,"code":"forbidden")"));
}

TEST_F(StreamV1Test, GoesOnAfterMessagesThatItDoesNotUnderstand) {
  StreamHarness harness;
  auto client = connect(harness);

  for (const auto* text :
       {"{", "[]", "7", R"({"ref":1})", R"({"type":"dance","ref":2})",
        R"({"type":"token","ref":3,"token":"x"})", R"({"type":"ping","ref":{"no":1}})"})
    client.send_text(text);

  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":null,"code":"malformed_json")"));
  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":null,"code":"malformed_json")"));
  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":null,"code":"malformed_json")"));
  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":1,"code":"invalid_body")"));
  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":2,"code":"unknown_type")"));
  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":3,"code":"not_supported")"));
  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":null,"code":"invalid_body")"));
  client.send_text(R"({"type":"ping","ref":4})");
  EXPECT_EQ(client.read_text(), R"({"type":"pong","ref":4})");
}

// Goal: changing the filter loses and doubles nothing. Method: the ack has its
// place among the events, so what comes before it must have passed the old
// filter and what comes behind it the new one, with every sequence accounted for.
TEST_F(StreamV1Test, ChangesItsFilterAtOnePlaceInTheOrder) {
  constexpr int events = 2'000;
  StreamHarness harness;
  auto client = connect(harness);
  auto all = harness.websocket(alice);

  std::thread publisher{[&] {
    for (int i = 0; i < events; ++i)
      harness.publish(alice, i % 2 == 0 ? "even" : "odd");
    harness.publish(alice, "odd, and the end");
  }};
  client.send_text(R"({"type":"filter","ref":1,"search":"odd"})");
  std::vector<std::string> before;
  std::vector<std::string> behind;
  auto* seen = &before;
  for (std::string text; text.find("the end") == std::string::npos;) {
    text = client.read_text();
    if (member(text, "type") == "ack")
      seen = &behind;
    else
      seen->push_back(text);
  }
  publisher.join();
  std::vector<std::string> expected_before;
  std::vector<std::string> expected_behind;
  for (std::string text; text.find("the end") == std::string::npos;) {
    text = all.read_text();
    if (expected_before.size() < before.size())
      expected_before.push_back(member(text, "sequence"));
    else if (member(text, "description").find("odd") != std::string::npos)
      expected_behind.push_back(member(text, "sequence"));
  }

  const auto sequences = [](const std::vector<std::string>& texts) {
    std::vector<std::string> out;
    for (const auto& text : texts)
      out.push_back(member(text, "sequence"));
    return out;
  };
  EXPECT_EQ(sequences(before), expected_before);
  EXPECT_EQ(sequences(behind), expected_behind);
}

TEST_F(StreamV1Test, KeepsItsFilterWhenTheNewOneIsNotUnderstood) {
  StreamHarness harness;
  auto client = connect(harness);
  client.send_text(R"({"type":"filter","ref":1,"severity":["error","alert"]})");
  EXPECT_EQ(member(client.read_text(), "type"), "ack");

  client.send_text(R"({"type":"filter","ref":2,"severities":"success"})");

  EXPECT_THAT(client.read_text(), HasSubstr(R"("ref":2,"code":"invalid_query")"));
  harness.publish(alice, "a success, filtered out");
  client.send_text(R"({"type":"ping","ref":3})");
  EXPECT_EQ(client.read_text(), R"({"type":"pong","ref":3})");
}

}  // namespace
}  // namespace carillon::net
