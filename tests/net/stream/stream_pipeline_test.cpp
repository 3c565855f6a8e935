#include "tests/net/stream/stream_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

// A session of carillon.v1 with more publishes than may wait for their acks.

namespace carillon::net {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::WebSocketClient;
using testing::WebSocketFrame;

const engine::UserId alice = testing::user(1);

class StreamPipelineTest : public ::testing::Test {
 protected:
  static ServerOptions bounded(std::size_t publishes) {
    ServerOptions options;
    options.pipelined_requests_max = publishes;
    return options;
  }
  static WebSocketClient connect(StreamHarness& harness, int receive_bytes = 0) {
    auto client = harness.websocket(alice, "carillon.v1", {}, receive_bytes);
    EXPECT_THAT(client.read_text(), HasSubstr("\"welcome\""));
    return client;
  }
  static std::string publish(int ref) {
    return WebSocketClient::frame(
        WebSocketFrame::text, R"({"type":"publish","ref":)" + std::to_string(ref) +
                                  R"(,"event":{"category":"a","action":"b","severity":"info"}})");
  }
  static std::string publishes(int count) {
    std::string frames;
    for (int ref = 1; ref <= count; ++ref)
      frames += publish(ref);
    return frames;
  }
  /// The next text that is no event: `ack 7` for an acknowledgement, else all of it.
  static std::string read_answer(WebSocketClient& client) {
    const std::string ack = R"({"type":"ack","ref":)";
    for (;;) {
      auto text = client.read_text();
      if (text.starts_with(ack))
        return "ack " + text.substr(ack.size(), text.find(',', ack.size()) - ack.size());
      if (!text.starts_with(R"({"type":"event")")) return text;
    }
  }
  static std::vector<std::string> read_answers(WebSocketClient& client, std::size_t count) {
    std::vector<std::string> answers;
    while (answers.size() < count)
      answers.push_back(read_answer(client));
    return answers;
  }
};

TEST_F(StreamPipelineTest, PublishesBeyondTheBoundWaitAndNoneIsRefused) {
  testing::ManualLog log;
  StreamHarness harness{{.server = bounded(2), .log = &log}};
  auto client = connect(harness);

  client.socket().send(publishes(5) +
                       WebSocketClient::frame(WebSocketFrame::text, R"({"type":"ping","ref":6})"));
  for (const std::size_t waiting : {2U, 2U, 1U}) {
    ASSERT_TRUE(log.wait_pending(waiting));
    harness.on_shard(alice, [] {});  // behind whatever it might have taken too much
    EXPECT_EQ(log.pending_sequences().size(), waiting);
    log.commit();
  }

  // The last of them does not hold back what is no publish.
  EXPECT_THAT(read_answers(client, 6), ElementsAre("ack 1", "ack 2", "ack 3", "ack 4",
                                                   R"({"type":"pong","ref":6})", "ack 5"));
}

TEST_F(StreamPipelineTest, AFloodOfPublishesIsAcknowledgedInOrder) {
  constexpr int count = 10'000;
  StreamHarness harness;
  auto client = connect(harness);

  std::thread sender{[&] { client.socket().send(publishes(count)); }};
  std::vector<std::string> answers;
  for (int ref = 1; ref <= count; ++ref)
    answers.push_back(read_answer(client));
  sender.join();

  for (int ref = 1; ref <= count; ++ref)
    ASSERT_EQ(answers[static_cast<std::size_t>(ref - 1)], "ack " + std::to_string(ref));
  EXPECT_EQ(harness.counters().sessions, 1U);
}

// Goal: who is not read is not blamed for the pongs that we do not see. Method: a stream of
// server-sent events, which need not answer anything in time, is the clock.
TEST_F(StreamPipelineTest, WhoIsNotReadOwesNoPong) {
  testing::ManualLog log;
  auto options = bounded(1);
  options.ping_interval = milliseconds{40};
  options.keepalive_interval = milliseconds{40};
  StreamHarness harness{{.server = options, .log = &log}};
  auto client = connect(harness);
  client.socket().send(publishes(2));
  ASSERT_TRUE(log.wait_pending(1));

  auto clock = harness.sse(alice);
  static_cast<void>(clock.read_head());
  for (int ticks = 0; ticks < 6;)
    if (!clock.read_block().comment.empty()) ++ticks;
  EXPECT_EQ(harness.closed(CloseReason::ping_timeout), 0U);
  EXPECT_EQ(harness.counters().sessions, 2U);

  log.commit();
  EXPECT_EQ(read_answer(client), "ack 1");
  ASSERT_TRUE(log.wait_pending(1));
  log.commit();
  EXPECT_EQ(read_answer(client), "ack 2");
}

TEST_F(StreamPipelineTest, ADrainAnswersAllThatWasReadBeforeItSaysGoodbye) {
  testing::ManualLog log;
  StreamHarness harness{{.server = bounded(2), .log = &log}};
  auto client = connect(harness);
  client.socket().send(publishes(5));
  ASSERT_TRUE(log.wait_pending(2));

  harness.drain(alice, [] {});
  for (const std::size_t waiting : {2U, 2U, 1U}) {
    ASSERT_TRUE(log.wait_pending(waiting));
    log.commit();
  }

  EXPECT_THAT(read_answers(client, 5), ElementsAre("ack 1", "ack 2", "ack 3", "ack 4", "ack 5"));
  EXPECT_THAT(read_answer(client), StartsWith(R"({"type":"goodbye","reason":"draining")"));
  EXPECT_EQ(client.read_data().close_code(), 1001U);
}

TEST_F(StreamPipelineTest, TheClientsCloseWaitsBehindItsPublishes) {
  testing::ManualLog log;
  StreamHarness harness{{.server = bounded(1), .log = &log}};
  auto client = connect(harness);

  client.socket().send(publishes(2) + WebSocketClient::frame(WebSocketFrame::close,
                                                             WebSocketClient::close_payload(1000)));
  for (int ref = 1; ref <= 2; ++ref) {
    ASSERT_TRUE(log.wait_pending(1));
    log.commit();
    EXPECT_EQ(read_answer(client), "ack " + std::to_string(ref));
  }

  EXPECT_EQ(client.read_data().close_code(), 1000U);
  EXPECT_TRUE(client.socket().at_end());
}

// Goal: a session that is not read and falls behind still ends in order. Method: nothing
// but the closing itself can end it, as no deadline comes in time.
TEST_F(StreamPipelineTest, OneThatIsNotReadAndTooSlowGetsItsFarewell) {
  testing::ManualLog log;
  auto options = bounded(1);
  options.session_backlog_bytes_max = std::size_t{64} * 1024;
  options.close_timeout = std::chrono::hours{1};
  StreamHarness harness{{.server = options, .log = &log}};
  auto client = connect(harness, /*receive_bytes=*/128 * 1024);
  client.socket().send(publishes(500));
  ASSERT_TRUE(log.wait_pending(1));

  while (harness.subscriptions() > 0)
    harness.publish(alice, std::string(4'000, '.'));

  EXPECT_THAT(read_answer(client), StartsWith(R"({"type":"goodbye","reason":"too_slow")"));
  EXPECT_EQ(client.read_data().close_code(), 1013U);
  EXPECT_TRUE(client.socket().at_end());
  client.socket().close();
  StreamHarness::wait_for([&] { return harness.closed(CloseReason::too_slow) == 1; });
}

}  // namespace
}  // namespace carillon::net
