#include "tests/net/stream/stream_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using testing::WebSocketClient;
using testing::WebSocketFrame;

const engine::UserId alice = testing::user(1);
constexpr int receive_bytes = 128 * 1'024;

// Goal: a subscriber that falls behind gets every frame that was queued for it,
// in order, then the cursor of the last one; nobody else notices. Method: the
// client does not read while the test publishes until the server gives up.
class StreamSlowConsumerTest : public ::testing::Test {
 protected:
  StreamSlowConsumerTest() : harness_{{.server = options()}} {}

  static ServerOptions options() {
    ServerOptions options;
    options.session_backlog_bytes_max = 64 * 1024;
    return options;
  }
  void publish_until_too_slow() {
    while (harness_.subscriptions() == subscriptions_before_) {
      harness_.publish(alice, std::to_string(published_++) + std::string(4'000, '.'));
      // One at a time, so that the mailbox is never full and no burst is needed.
      harness_.on_shard(alice, [] {});
    }
  }
  void note_subscriptions() {
    StreamHarness::wait_for([&] { return harness_.subscriptions() > 0; });
    subscriptions_before_ = harness_.subscriptions();
  }
  static std::string cursor_of(const std::string& text, const std::string& before) {
    const auto found = text.find(before);
    return found == std::string::npos ? "" : text.substr(found + before.size(), 32);
  }
  // The number that publish_until_too_slow gave the event.
  static int number_of(const std::string& text) {
    const auto found = text.find(R"("description":")");
    return found == std::string::npos ? -1 : std::stoi(text.substr(found + 15));
  }

  StreamHarness harness_;
  std::uint64_t subscriptions_before_ = 0;
  int published_ = 0;
};

TEST_F(StreamSlowConsumerTest, PlainWebSocketGetsWhatWasQueuedThen1013WithTheCursor) {
  auto client = harness_.websocket(alice, {}, {}, receive_bytes);
  note_subscriptions();
  publish_until_too_slow();

  int next = 0;
  std::string cursor;
  auto frame = client.read_data();
  for (; frame.opcode == WebSocketFrame::text; frame = client.read_data()) {
    ASSERT_EQ(number_of(frame.payload), next++);
    cursor = cursor_of(frame.payload, R"("cursor":")");
  }

  ASSERT_EQ(frame.opcode, WebSocketFrame::close);
  EXPECT_EQ(frame.close_code(), 1013U);
  EXPECT_EQ(frame.close_reason(), cursor);
  EXPECT_LT(next, published_);
  client.send_close(1013);
  EXPECT_TRUE(client.socket().at_end());
  client.socket().close();
  StreamHarness::wait_for([&] { return harness_.closed(CloseReason::too_slow) == 1; });
  EXPECT_EQ(harness_.counters().backlog_bytes, 0U);
}

TEST_F(StreamSlowConsumerTest, CarillonV1AlsoGetsGoodbye) {
  auto client = harness_.websocket(alice, "carillon.v1", {}, receive_bytes);
  static_cast<void>(client.read_text());
  note_subscriptions();
  publish_until_too_slow();

  int next = 0;
  std::string cursor;
  auto text = client.read_text();
  for (; number_of(text) >= 0; text = client.read_text()) {
    ASSERT_EQ(number_of(text), next++);
    cursor = cursor_of(text, R"("cursor":")");
  }

  EXPECT_EQ(text, R"({"type":"goodbye","reason":"too_slow","cursor":")" + cursor +
                      R"(","retryAfterMs":2000})");
  const auto frame = client.read_data();
  EXPECT_EQ(frame.close_code(), 1013U);
  EXPECT_EQ(frame.close_reason(), cursor);
}

TEST_F(StreamSlowConsumerTest, SseGetsWhatWasQueuedThenGoodbye) {
  auto client = harness_.sse(alice, {}, receive_bytes);
  static_cast<void>(client.read_head());
  static_cast<void>(client.read_block());
  note_subscriptions();
  publish_until_too_slow();

  int next = 0;
  std::string cursor;
  auto block = client.read_event();
  for (; block.name.empty(); block = client.read_event()) {
    ASSERT_EQ(number_of(block.data), next++);
    cursor = block.id;
  }

  EXPECT_EQ(block.name, "goodbye");
  EXPECT_THAT(block.data, HasSubstr(R"("reason":"too_slow")"));
  EXPECT_EQ(block.id, cursor);
  EXPECT_TRUE(client.socket().at_end());
}

TEST_F(StreamSlowConsumerTest, HurtsNobodyElse) {
  auto slow = harness_.websocket(alice, {}, {}, receive_bytes);
  auto quick = harness_.websocket(alice);
  note_subscriptions();

  for (int next = 0; harness_.subscriptions() == subscriptions_before_; ++next) {
    harness_.publish(alice, std::to_string(next) + std::string(4'000, '.'));
    ASSERT_EQ(number_of(quick.read_text()), next);
  }

  harness_.publish(alice, "999999");
  EXPECT_EQ(number_of(quick.read_text()), 999'999);
}

TEST_F(StreamSlowConsumerTest, SendsAFrameThatIsLargerThanTheWholeBacklog) {
  auto client = harness_.websocket(alice);
  auto event = testing::event_for(harness_.broadcaster(), alice);
  event.with_metadata(R"({"big":")" + std::string(300'000, 'x') + "\"}");

  ASSERT_EQ(harness_.broadcaster().publish(std::move(*event.build())),
            engine::PublishStatus::accepted);
  const auto frame = client.read_data();
  harness_.publish(alice, "42");

  EXPECT_GT(frame.payload.size(), 300'000U);
  EXPECT_EQ(frame.header_bytes, 10U);
  EXPECT_EQ(number_of(client.read_text()), 42);
}

TEST_F(StreamSlowConsumerTest, BoundsWhatTheClientItselfAsksFor) {
  auto client = harness_.websocket(alice, "carillon.v1", {}, receive_bytes);
  static_cast<void>(client.read_text());

  std::thread sender{[&] {
    const auto pings = [] {
      std::string text;
      const auto ping = WebSocketClient::frame(WebSocketFrame::ping, std::string(120, 'p'));
      for (int i = 0; i < 100; ++i)
        text += ping;
      return text;
    }();
    try {
      while (harness_.subscriptions() > 0)
        client.socket().send(pings);
    } catch (const std::runtime_error&) {  // the server has closed: that is the point
    }
  }};
  sender.join();

  EXPECT_LE(harness_.counters().backlog_bytes,
            options().session_backlog_bytes_max + options().event_bytes_max + 1'024);
}

}  // namespace
}  // namespace carillon::net
