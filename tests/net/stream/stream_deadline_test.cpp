#include "tests/net/stream/stream_harness.hpp"

#include <gtest/gtest.h>

#include <future>

namespace carillon::net {
namespace {

using std::chrono::milliseconds;
using testing::WebSocketClient;
using testing::WebSocketFrame;

const engine::UserId alice = testing::user(1);

TEST(StreamDeadlineTest, PingsAndEndsASessionThatAnswersNone) {
  ServerOptions options;
  options.ping_interval = milliseconds{40};
  options.close_timeout = milliseconds{40};
  StreamHarness harness{{.server = options}};
  auto client = harness.websocket(alice);

  EXPECT_EQ(client.read_frame().opcode, WebSocketFrame::ping);
  EXPECT_EQ(client.read_frame().opcode, WebSocketFrame::ping);
  const auto close = client.read_frame();

  EXPECT_EQ(close.opcode, WebSocketFrame::close);
  EXPECT_EQ(close.close_code(), 1008U);
  // The client does not answer the close either: the deadline for that ends it.
  StreamHarness::wait_for([&] { return harness.closed(CloseReason::ping_timeout) == 1; });
}

TEST(StreamDeadlineTest, KeepsASessionThatAnswersPings) {
  ServerOptions options;
  options.ping_interval = milliseconds{1'000};  // two of these may pass without an answer
  StreamHarness harness{{.server = options}};
  auto client = harness.websocket(alice);

  for (int pings = 0; pings < 4; ++pings) {
    const auto ping = client.read_frame();
    ASSERT_EQ(ping.opcode, WebSocketFrame::ping);
    client.socket().send(WebSocketClient::frame(WebSocketFrame::pong, ping.payload));
  }

  EXPECT_EQ(harness.counters().sessions, 1U);
}

TEST(StreamDeadlineTest, EndsASessionThatReadsNothingForAWriteTimeout) {
  ServerOptions options;
  options.write_timeout = milliseconds{60};
  options.session_backlog_bytes_max = std::size_t{64} << 20U;  // never too slow
  StreamHarness harness{{.server = options}};
  auto client = harness.websocket(alice, {}, {}, /*receive_bytes=*/128 * 1'024);

  while (harness.counters().sessions == 1) {
    harness.publish(alice, std::string(4'000, '.'));
    harness.on_shard(alice, [] {});
  }

  EXPECT_EQ(harness.closed(CloseReason::write_timeout), 1U);
  EXPECT_EQ(harness.counters().backlog_bytes, 0U);
}

TEST(StreamDeadlineTest, EndsASlowConsumerThatNeverReadsItsGoodbye) {
  ServerOptions options;
  options.write_timeout = milliseconds{60};
  options.session_backlog_bytes_max = 64 * 1024;
  StreamHarness harness{{.server = options}};
  auto client = harness.websocket(alice, {}, {}, /*receive_bytes=*/128 * 1'024);

  while (harness.subscriptions() > 0)
    harness.publish(alice, std::string(4'000, '.'));

  StreamHarness::wait_for([&] { return harness.counters().sessions == 0; });
  EXPECT_EQ(harness.counters().backlog_bytes, 0U);
}

TEST(StreamDeadlineTest, EndsTheDrainWhenClientsDoNotAnswer) {
  ServerOptions options;
  options.drain_timeout = milliseconds{60};
  StreamHarness harness{{.server = options}};
  auto silent = harness.websocket(alice);
  auto stream = harness.sse(alice);
  static_cast<void>(stream.read_head());

  std::promise<void> drained;
  harness.drain(alice, [&] { drained.set_value(); });

  EXPECT_EQ(drained.get_future().wait_for(testing::StreamSocket::deadline),
            std::future_status::ready);
  EXPECT_EQ(harness.closed(CloseReason::draining), 2U);
}

TEST(StreamDeadlineTest, ADrainWithoutSessionsIsDoneAtOnce) {
  StreamHarness harness;

  std::promise<void> drained;
  harness.drain(alice, [&] { drained.set_value(); });

  EXPECT_EQ(drained.get_future().wait_for(testing::StreamSocket::deadline),
            std::future_status::ready);
}

}  // namespace
}  // namespace carillon::net
