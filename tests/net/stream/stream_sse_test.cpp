#include "tests/net/stream/stream_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

const engine::UserId alice = testing::user(1);

TEST(StreamSseTest, BeginsWithHeadRetryIdAndANamedWelcome) {
  StreamHarness harness;
  auto client = harness.sse(alice);

  const auto head = client.read_head();
  const auto welcome = client.read_block();

  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nContent-Type: text/event-stream\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nCache-Control: no-cache\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nX-Accel-Buffering: no\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(welcome.retry, "2000");
  EXPECT_EQ(welcome.name, "welcome");
  ASSERT_TRUE(engine::parse_cursor(welcome.id));
  EXPECT_THAT(welcome.data,
              MatchesRegex(R"(\{"cursor":"[A-Za-z0-9_-]{32}","session":"[0-9a-f-]{36}",)"
                           R"("epoch":"[0-9a-f]{12}"\})"));
}

TEST(StreamSseTest, SendsEachEventUnnamedWithItsCursorAsId) {
  StreamHarness harness;
  auto client = harness.sse(alice);
  static_cast<void>(client.read_head());
  static_cast<void>(client.read_block());

  harness.publish(alice, "two\nlines");

  const auto event = client.read_event();
  EXPECT_EQ(event.name, "");
  const auto cursor = engine::parse_cursor(event.id);
  ASSERT_TRUE(cursor);
  EXPECT_THAT(event.data, HasSubstr(R"("description":"two\nlines")"));
  EXPECT_TRUE(event.data.ends_with(R"("sequence":)" + std::to_string(cursor->position.user) + "}"));
  EXPECT_EQ(event.text, "id: " + event.id + "\ndata: " + event.data + "\n\n");
}

TEST(StreamSseTest, AppliesTheFilterOfTheRequest) {
  StreamHarness harness;
  engine::Filter filter;
  filter.search = "wanted";
  auto client = harness.sse(alice, filter);
  static_cast<void>(client.read_head());
  static_cast<void>(client.read_block());

  harness.publish(alice, "dull");
  harness.publish(alice, "wanted");

  EXPECT_THAT(client.read_event().data, HasSubstr("wanted"));
}

TEST(StreamSseTest, KeepsASilentStreamAliveWithComments) {
  ServerOptions options;
  options.keepalive_interval = std::chrono::milliseconds{40};
  StreamHarness harness{{.server = options}};
  auto client = harness.sse(alice);
  static_cast<void>(client.read_head());
  static_cast<void>(client.read_block());

  EXPECT_EQ(client.read_block().text, ": keepalive\n\n");
  EXPECT_EQ(client.read_block().text, ": keepalive\n\n");
}

TEST(StreamSseTest, EndsWhenTheClientGoesWhateverItSentBefore) {
  StreamHarness harness;
  auto orderly = harness.sse(alice);
  auto broken = harness.sse(alice);
  static_cast<void>(orderly.read_head());
  static_cast<void>(broken.read_head());
  StreamHarness::wait_for([&] { return harness.subscriptions() == 2; });

  orderly.socket().send(std::string(200'000, 'x'));
  orderly.socket().finish_sending();
  broken.socket().reset();

  StreamHarness::wait_for([&] { return harness.counters().sessions == 0; });
  EXPECT_EQ(harness.closed(CloseReason::client), 1U);
  EXPECT_EQ(harness.closed(CloseReason::vanished), 1U);
  StreamHarness::wait_for([&] { return harness.subscriptions() == 0; });
}

TEST(StreamSseTest, DrainSaysGoodbyeWithTheCursorAndEndsTheBody) {
  StreamHarness harness;
  auto client = harness.sse(alice);
  static_cast<void>(client.read_head());
  static_cast<void>(client.read_block());
  harness.publish(alice, "the last one");
  const auto last = client.read_event();

  std::promise<void> drained;
  harness.drain(alice, [&] { drained.set_value(); });

  const auto goodbye = client.read_event();
  EXPECT_EQ(goodbye.name, "goodbye");
  EXPECT_EQ(goodbye.id, last.id);
  EXPECT_EQ(goodbye.data,
            R"({"reason":"draining","cursor":")" + last.id + R"(","retryAfterMs":2000})");
  EXPECT_TRUE(client.socket().at_end());
  client.socket().close();
  EXPECT_EQ(drained.get_future().wait_for(testing::StreamSocket::deadline),
            std::future_status::ready);
}

}  // namespace
}  // namespace carillon::net
