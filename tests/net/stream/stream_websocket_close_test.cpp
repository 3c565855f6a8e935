#include "tests/net/stream/stream_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using testing::WebSocketClient;
using testing::WebSocketFrame;

const engine::UserId alice = testing::user(1);

class StreamWebSocketCloseTest : public ::testing::Test {
 protected:
  // The server closes with `code`, then ends the connection, and counts it once.
  void expect_close(WebSocketClient& client, unsigned code, CloseReason reason) {
    const auto frame = client.read_data();
    ASSERT_EQ(frame.opcode, WebSocketFrame::close);
    EXPECT_EQ(frame.close_code(), code);
    reason_text_ = frame.close_reason();
    client.send_close(code);
    EXPECT_TRUE(client.socket().at_end());
    client.socket().close();
    // Why it ended is counted before the session is gone.
    StreamHarness::wait_for([&] { return harness_.counters().sessions == 0; });
    EXPECT_EQ(harness_.closed(reason), 1U);
  }
  WebSocketClient v1() {
    auto client = harness_.websocket(alice, "carillon.v1");
    static_cast<void>(client.read_text());
    return client;
  }

  StreamHarness harness_;
  std::string reason_text_;
};

TEST_F(StreamWebSocketCloseTest, AnswersTheClientsCloseWithItsCode) {
  auto client = harness_.websocket(alice);

  client.send_close(1000, "bye");

  const auto frame = client.read_data();
  EXPECT_EQ(frame.opcode, WebSocketFrame::close);
  EXPECT_EQ(frame.close_code(), 1000U);
  EXPECT_TRUE(client.socket().at_end());
  client.socket().close();
  StreamHarness::wait_for([&] { return harness_.closed(CloseReason::client) == 1; });
  StreamHarness::wait_for([&] { return harness_.subscriptions() == 0; });
}

TEST_F(StreamWebSocketCloseTest, ClosesWith1002WhenTheProtocolIsBroken) {
  auto client = v1();

  client.socket().send(WebSocketClient::frame(WebSocketFrame::continuation, "of nothing"));

  expect_close(client, 1002, CloseReason::protocol);
}

TEST_F(StreamWebSocketCloseTest, ClosesWith1002WhenAFrameIsNotMasked) {
  auto client = v1();

  client.socket().send(std::string_view{"\x81\x02{}", 4});

  expect_close(client, 1002, CloseReason::protocol);
}

TEST_F(StreamWebSocketCloseTest, ClosesWith1007WhenTextIsNotUtf8) {
  auto client = v1();

  client.send_text("{\"type\":\"\xC3\x28\"}");

  expect_close(client, 1007, CloseReason::not_utf8);
}

TEST_F(StreamWebSocketCloseTest, ClosesWith1007WhenTheLastFragmentLeavesACharacterOpen) {
  auto client = v1();

  client.socket().send(WebSocketClient::frame(WebSocketFrame::text, "\"\xE2\x82", false));
  client.socket().send(WebSocketClient::frame(WebSocketFrame::continuation, ""));

  expect_close(client, 1007, CloseReason::not_utf8);
}

TEST_F(StreamWebSocketCloseTest, ClosesWith1008WhenAPlainClientSendsAMessage) {
  auto client = harness_.websocket(alice);

  client.send_text(R"({"type":"ping"})");

  expect_close(client, 1008, CloseReason::policy);
  EXPECT_THAT(reason_text_, HasSubstr("carillon.v1"));
}

TEST_F(StreamWebSocketCloseTest, ClosesWith1008WhenAMessageIsBinary) {
  auto client = v1();

  client.socket().send(WebSocketClient::frame(WebSocketFrame::binary, "{}"));

  expect_close(client, 1008, CloseReason::policy);
  EXPECT_THAT(reason_text_, HasSubstr("binary"));
}

TEST_F(StreamWebSocketCloseTest, ClosesWith1009WhenAMessageIsTooBigAndStillDeliversTheReason) {
  auto client = v1();

  client.send_text(std::string(600'000, 'x'));

  expect_close(client, 1009, CloseReason::too_big);
}

TEST_F(StreamWebSocketCloseTest, SendsNothingBehindACloseFrame) {
  auto client = harness_.websocket(alice);
  client.send_close(1000);
  const auto frame = client.read_data();
  ASSERT_EQ(frame.opcode, WebSocketFrame::close);

  harness_.publish(alice, "too late");

  EXPECT_TRUE(client.socket().at_end());
}

TEST_F(StreamWebSocketCloseTest, DrainSaysGoodbyeWithTheCursorAndClosesWith1001) {
  auto plain = harness_.websocket(alice);
  auto typed = v1();
  harness_.publish(alice, "the last one");
  const auto last = typed.read_text();
  static_cast<void>(plain.read_text());
  const auto cursor = last.substr(last.find("\"cursor\":\"") + 10, 32);

  std::promise<void> drained;
  harness_.drain(alice, [&] { drained.set_value(); });

  const auto goodbye = typed.read_text();
  EXPECT_EQ(goodbye, R"({"type":"goodbye","reason":"draining","cursor":")" + cursor +
                         R"(","retryAfterMs":2000})");
  for (auto* client : {&typed, &plain}) {
    const auto close = client->read_data();
    ASSERT_EQ(close.opcode, WebSocketFrame::close);
    EXPECT_EQ(close.close_code(), 1001U);
    EXPECT_EQ(close.close_reason(), cursor);
    client->send_close(1001);
    EXPECT_TRUE(client->socket().at_end());
    client->socket().close();
  }
  EXPECT_EQ(drained.get_future().wait_for(testing::StreamSocket::deadline),
            std::future_status::ready);
  EXPECT_EQ(harness_.closed(CloseReason::draining), 2U);
}

}  // namespace
}  // namespace carillon::net
