#include "tests/net/http_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view upgrade =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The head of a stream's answer, then its bytes are read raw.
HttpClient stream(const HttpHarness& harness,
                  std::string_view target,
                  std::string_view headers = "Accept: text/event-stream\r\n") {
  auto client = harness.client();
  client.send(HttpClient::text_of("GET", target, {}, headers));
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  static_cast<void>(client.read_until("event: welcome"));
  static_cast<void>(client.read_until("\n\n"));
  return client;
}

class HttpSubscribePathTest : public ::testing::TestWithParam<const char*> {};

TEST_P(HttpSubscribePathTest, StreamsEventsToAUserOnAnyShard) {
  HttpHarness harness;
  auto publisher = harness.client();

  // Several users, so that some streams change their thread and some stay.
  for (std::uint8_t number = 1; number <= 8; ++number) {
    const auto user = "?user=" + engine::to_string(testing::user(number));
    auto client = stream(harness, GetParam() + user);
    const auto sent = publisher.request("POST", "/api/events" + user, event_json());
    EXPECT_THAT(client.read_until("\n\n"), HasSubstr("data: " + sent.body + "\n"));
  }
}

INSTANTIATE_TEST_SUITE_P(Paths,
                         HttpSubscribePathTest,
                         ::testing::Values("/api/events/subscribe",
                                           "/api/system/events/subscribe",
                                           "/api/events"));

TEST(HttpSubscribeTest, UpgradesToAWebSocketAndKeepsWhatCameWithIt) {
  HttpHarness harness;
  auto client = harness.client();
  auto publisher = harness.client();
  const std::string ping{"\x89\x80\x00\x00\x00\x00", 6};

  // A ping right behind the request: it must not be lost on the way.
  client.send(HttpClient::text_of("GET", "/api/events/subscribe", {}, upgrade) + ping);

  const auto head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  EXPECT_EQ(client.read(2), std::string("\x8a\x00", 2));
}

TEST(HttpSubscribeTest, AnswersEarlierRequestsBeforeTheStreamBegins) {
  HttpHarness harness;
  auto client = harness.client();
  harness.store.hold_reads();

  client.send(HttpClient::text_of("GET", "/api/events/list") +
              HttpClient::text_of("GET", "/api/events/subscribe"));
  ASSERT_TRUE(harness.store.wait_for_reads(1));
  harness.store.release_reads();

  EXPECT_EQ(client.read_answer().at("/totalCount"), "0");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("text/event-stream"));
}

TEST(HttpSubscribeTest, FiltersInTheLanguageOfTheList) {
  HttpHarness harness;
  auto client = stream(harness, "/api/events/subscribe?severity=[%22success%22]&search=wanted");
  auto publisher = harness.client();

  ASSERT_EQ(publisher.request("POST", "/api/events", event_json("dull")).status, 201U);
  ASSERT_EQ(publisher.request("POST", "/api/events", event_json("wanted")).status, 201U);

  EXPECT_THAT(client.read_until("\n\n"), HasSubstr("wanted"));
}

TEST(HttpSubscribeTest, RefusesABadFilterInsteadOfStreamingEverything) {
  HttpHarness harness;
  auto client = harness.client();

  const auto sse = client.get("/api/events/subscribe?severity=loud");
  const auto websocket = client.get("/api/events/subscribe?severity=loud", upgrade);

  EXPECT_EQ(sse.status, 400U);
  EXPECT_EQ(sse.at("/details/0/field"), "severity");
  EXPECT_EQ(websocket.status, 400U);
}

TEST(HttpSubscribeTest, RefusesAnUpgradeThatIsNotOneAndGoesOn) {
  HttpHarness harness;
  auto client = harness.client();
  const auto changed = [](std::string_view from, std::string_view to) {
    std::string headers{upgrade};
    return headers.replace(headers.find(from), from.size(), to);
  };

  const auto version = client.get("/api/events/subscribe", changed("Version: 13", "Version: 12"));
  const auto key = client.get("/api/events/subscribe", changed("dGhlIHNhbXBsZSBub25jZQ==", "x"));

  EXPECT_EQ(version.status, 426U);
  EXPECT_EQ(version.header("Sec-WebSocket-Version"), "13");
  EXPECT_EQ(version.header("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(version.at("/code"), "malformed_request");
  EXPECT_EQ(key.status, 400U);
  EXPECT_EQ(key.at("/code"), "malformed_request");
  EXPECT_EQ(client.get("/healthz").status, 200U);
}

TEST(HttpSubscribeTest, SaysWhatIsNotSupportedYet) {
  HttpHarness harness;
  auto client = harness.client();
  const std::string path = "/api/events/subscribe";

  for (const auto& answer : {client.get(path + "?after=x"), client.get(path + "?overflow=drop"),
                             client.get(path, std::string{upgrade} + "Last-Event-ID: x\r\n")}) {
    EXPECT_EQ(answer.status, 400U);
    EXPECT_EQ(answer.at("/code"), "not_supported");
  }
  EXPECT_EQ(client.get(path + "?overflow=maybe").at("/code"), "invalid_query");
  stream(harness, path + "?overflow=close");
}

// A refusal would end a browser's EventSource for good; silence would hide a gap.
TEST(HttpSubscribeTest, TellsAReconnectingEventSourceThatNothingIsReplayed) {
  HttpHarness harness;
  auto client = harness.client();

  client.send(HttpClient::text_of("GET", "/api/events/subscribe", {}, "Last-Event-ID: x\r\n"));

  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(client.read_until("\n\n"), HasSubstr("event: welcome"));
  EXPECT_THAT(client.read_until("\n\n"),
              StartsWith("event: reset\ndata: {\"reason\":\"resume_not_supported\",\"cursor\":"));
}

TEST(HttpSubscribeTest, CountsTheAggregateOnlyIfAStreamIsNotAskedFor) {
  HttpHarness harness;

  EXPECT_EQ(harness.client().get("/api/events", "Accept: */*\r\n").at("/total"), "0");
  EXPECT_EQ(harness.client().get("/api/events", "Accept: text/html\r\n").status, 406U);
}

}  // namespace
}  // namespace carillon::net
