#include "tests/net/stream/stream_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::WebSocketClient;
using testing::WebSocketFrame;

const engine::UserId alice = testing::user(1);
const engine::UserId bob = testing::user(2);

StreamSpec websocket_request(const engine::UserId& user) {
  StreamSpec stream;
  stream.kind = StreamSpec::Kind::websocket;
  stream.user = user;
  return stream;
}

// The value of a string member, for texts of a known shape.
std::string member(const std::string& json, const std::string& name) {
  const auto start = json.find('"' + name + "\":\"");
  if (start == std::string::npos) return {};
  const auto value = start + name.size() + 4;
  return json.substr(value, json.find('"', value) - value);
}

TEST(StreamWebSocketTest, AnswersTheHandshakeAsRfc6455Says) {
  ServerOptions options;
  options.version = "1.2.3";
  StreamHarness harness{{.server = options}};

  WebSocketClient client{
      harness.connect(websocket_request(alice), WebSocketClient::upgrade_request())};
  const auto head = client.read_head();

  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(
      head,
      HasSubstr("Sec-WebSocket-Accept: " + std::string{WebSocketClient::expected_accept} + "\r\n"));
  EXPECT_THAT(head, HasSubstr("Server: carillon/1.2.3\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Sec-WebSocket-Protocol")));
  EXPECT_THAT(head, Not(HasSubstr("Sec-WebSocket-Extensions")));
}

TEST(StreamWebSocketTest, ChoosesCarillonV1OnlyIfTheClientOffersIt) {
  StreamHarness harness;

  WebSocketClient offering{harness.connect(
      websocket_request(alice), WebSocketClient::upgrade_request("graphql-ws, carillon.v1"))};
  WebSocketClient other{
      harness.connect(websocket_request(alice), WebSocketClient::upgrade_request("graphql-ws"))};

  EXPECT_THAT(offering.read_head(), HasSubstr("Sec-WebSocket-Protocol: carillon.v1\r\n"));
  EXPECT_THAT(other.read_head(), Not(HasSubstr("Sec-WebSocket-Protocol")));
}

TEST(StreamWebSocketTest, SendsEachEventAsOneTextFrameWithItsCursor) {
  StreamHarness harness;
  auto client = harness.websocket(alice);

  harness.publish(alice, "first");
  harness.publish(bob, "not for alice");
  harness.publish(alice, "second");

  const auto first = client.read_frame();
  const auto second = client.read_frame();
  EXPECT_EQ(first.opcode, WebSocketFrame::text);
  EXPECT_TRUE(first.fin);
  EXPECT_FALSE(first.masked);
  EXPECT_EQ(member(first.payload, "description"), "first");
  EXPECT_EQ(member(second.payload, "description"), "second");
  const auto cursor = engine::parse_cursor(member(first.payload, "cursor"));
  ASSERT_TRUE(cursor);
  EXPECT_EQ(cursor->epoch, harness.broadcaster().epoch());
  EXPECT_THAT(first.payload, HasSubstr(R"("sequence":)" + std::to_string(cursor->position.user)));
}

TEST(StreamWebSocketTest, SendsBroadcastsToEverybody) {
  StreamHarness harness{{.shards = 2}};
  auto one = harness.websocket(alice);
  auto other = harness.websocket(bob);

  ASSERT_EQ(
      harness.broadcaster().broadcast(testing::make_broadcast(harness.broadcaster(), "to all")),
      engine::PublishStatus::accepted);

  EXPECT_EQ(member(one.read_text(), "description"), "to all");
  EXPECT_EQ(member(other.read_text(), "description"), "to all");
}

TEST(StreamWebSocketTest, AppliesTheFilterOfTheRequest) {
  StreamHarness harness;
  engine::Filter filter;
  filter.search = "wanted";
  auto plain = harness.websocket(alice, {}, filter);
  auto v1 = harness.websocket(alice, "carillon.v1", filter);
  EXPECT_EQ(member(v1.read_text(), "type"), "welcome");

  harness.publish(alice, "dull");
  harness.publish(alice, "wanted");

  EXPECT_EQ(member(plain.read_text(), "description"), "wanted");
  EXPECT_EQ(member(v1.read_text(), "description"), "wanted");
}

TEST(StreamWebSocketTest, ReadsWhatCameTogetherWithTheHandshake) {
  StreamHarness harness;
  auto request = WebSocketClient::upgrade_request("carillon.v1");
  request += WebSocketClient::frame(WebSocketFrame::text, R"({"type":"ping","ref":1})");

  WebSocketClient client{harness.connect(websocket_request(alice), request)};
  static_cast<void>(client.read_head());

  EXPECT_EQ(member(client.read_text(), "type"), "welcome");
  EXPECT_EQ(client.read_text(), R"({"type":"pong","ref":1})");
}

TEST(StreamWebSocketTest, AnswersPingsBetweenTheFragmentsOfAMessage) {
  StreamHarness harness;
  auto client = harness.websocket(alice, "carillon.v1");
  static_cast<void>(client.read_text());

  client.socket().send(WebSocketClient::frame(WebSocketFrame::text, R"({"type":"pi)", false));
  client.socket().send(WebSocketClient::frame(WebSocketFrame::ping, "are you there?"));
  client.socket().send(WebSocketClient::frame(WebSocketFrame::continuation, "", false));
  client.socket().send(WebSocketClient::frame(WebSocketFrame::continuation, R"(ng","ref":"r"})"));

  const auto pong = client.read_frame();
  EXPECT_EQ(pong.opcode, WebSocketFrame::pong);
  EXPECT_EQ(pong.payload, "are you there?");
  EXPECT_EQ(client.read_text(), R"({"type":"pong","ref":"r"})");
}

TEST(StreamWebSocketTest, ReadsMessagesOfEveryLengthForm) {
  StreamHarness harness;
  auto client = harness.websocket(alice, "carillon.v1");
  static_cast<void>(client.read_text());

  for (const std::size_t bytes : {125U, 126U, 1'535U, 1'536U, 65'535U, 65'536U, 400'000U}) {
    std::string message = R"({"type":"ping","ref":7,"padding":")";
    message += std::string(bytes - message.size() - 2, 'x') + "\"}";
    ASSERT_EQ(message.size(), bytes);
    client.send_text(message);
    EXPECT_EQ(client.read_text(), R"({"type":"pong","ref":7})") << bytes;
  }
}

TEST(StreamWebSocketTest, ClosesWhenTheConnectionBreaksInMidFrame) {
  StreamHarness harness;
  auto broken = harness.websocket(alice, "carillon.v1");
  auto left = harness.websocket(alice);
  const auto frame = WebSocketClient::frame(WebSocketFrame::text, R"({"type":"ping"})");

  broken.socket().send(frame.substr(0, 9));
  broken.socket().reset();
  left.socket().send(frame.substr(0, 3));
  left.socket().close();

  StreamHarness::wait_for([&] { return harness.closed(CloseReason::vanished) == 2; });
  StreamHarness::wait_for([&] { return harness.subscriptions() == 0; });
  EXPECT_EQ(harness.counters().sessions, 0U);
}

// Goal: a hot user's subscribers all get the same bytes, in ascending order.
TEST(StreamWebSocketTest, GivesAThousandSessionsOfOneUserTheSameBytes) {
  constexpr int sessions = 1'000;
  constexpr int events = 50;
  StreamHarness harness;
  std::vector<WebSocketClient> clients;
  for (int i = 0; i < sessions; ++i)
    clients.push_back(harness.websocket(alice));

  for (int i = 0; i < events; ++i)
    harness.publish(alice, "event " + std::to_string(i));

  std::vector<std::string> expected;
  for (auto& client : clients) {
    std::vector<std::string> seen;
    for (int i = 0; i < events; ++i)
      seen.push_back(client.read_text());
    if (expected.empty()) expected = seen;
    ASSERT_EQ(seen, expected);
  }
  engine::Sequence last = 0;
  for (const auto& text : expected) {
    const auto cursor = engine::parse_cursor(member(text, "cursor"));
    ASSERT_TRUE(cursor);
    EXPECT_GT(cursor->position.user, last);
    last = cursor->position.user;
  }
  EXPECT_EQ(harness.counters().frames_total, std::uint64_t{sessions} * events);
}

TEST(StreamWebSocketTest, OutlivesTheBroadcastersAndTheHubsEnd) {
  StreamHarness harness;
  auto client = harness.websocket(alice, "carillon.v1");
  auto stream = harness.sse(alice);
  static_cast<void>(stream.read_head());

  harness.stop();

  EXPECT_EQ(member(client.read_text(), "type"), "welcome");
  EXPECT_TRUE(client.socket().at_end());
}

}  // namespace
}  // namespace carillon::net
