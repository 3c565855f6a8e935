#include "tests/net/lines_client.hpp"
#include "tests/support/websocket_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// What is held of requests that are not whole: bounded for all connections together.

namespace carillon::net {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using testing::WebSocketClient;
using testing::WebSocketFrame;

constexpr std::size_t kib = 1024;

/// An event of so many bytes.
std::string event_of(std::size_t bytes) {
  const auto frame = event_json("", R"(,"metadata":{"filler":""})").size();
  return event_json("", R"(,"metadata":{"filler":")" + std::string(bytes - frame, 'x') + "\"}");
}

std::string post_of(const std::string& body) {
  return HttpClient::text_of("POST", "/api/events", body);
}

class HttpReceivingTest : public ::testing::Test {
 protected:
  static ServerOptions bounded(std::size_t bytes) {
    ServerOptions options;
    options.limits.receiving_bytes_max = bytes;
    return options;
  }

  static std::size_t figure(HttpClient& client, const std::string& name) {
    const auto text = client.get("/metrics").body;
    return std::stoul(text.substr(text.find("\n" + name + " ") + name.size() + 2));
  }
  static std::size_t receiving_bytes(HttpClient& client) {
    return figure(client, "carillon_receiving_bytes");
  }
  /// Until the figure is as wanted; throws at the deadline.
  static void wait_for(HttpClient& client,
                       const std::string& name,
                       const std::function<bool(std::size_t)>& wanted) {
    const auto until = std::chrono::steady_clock::now() + HttpClient::deadline;
    while (!wanted(figure(client, name))) {
      if (std::chrono::steady_clock::now() > until)
        throw std::runtime_error{name + " is " + std::to_string(figure(client, name))};
      std::this_thread::yield();
    }
  }
  static void wait_for_more_than(HttpClient& client, std::size_t bytes) {
    wait_for(client, "carillon_receiving_bytes", [bytes](std::size_t now) { return now > bytes; });
  }
  static void wait_for_none(HttpClient& client, const std::string& name) {
    wait_for(client, name, [](std::size_t now) { return now == 0; });
  }
  static void wait_for_none(HttpClient& client) {
    wait_for_none(client, "carillon_receiving_bytes");
  }

  /// A client that has sent so many bytes of a large publish, which the server holds.
  static HttpClient greedy_client(HttpHarness& harness, HttpClient& observer, std::size_t bytes) {
    auto client = harness.client();
    client.send(post_of(event_of(bytes + 10 * kib)).substr(0, bytes));
    wait_for_more_than(observer, bytes - kib);
    return client;
  }

  static WebSocketClient upgrade(HttpClient client) {
    client.send(WebSocketClient::upgrade_request("carillon.v1"));
    WebSocketClient session{std::move(client)};
    EXPECT_THAT(session.read_head(), HasSubstr(" 101 "));
    EXPECT_THAT(session.read_text(), HasSubstr("\"welcome\""));
    return session;
  }
};

TEST_F(HttpReceivingTest, RefusesWhoGrowsBeyondTheBoundAndServesTheOthers) {
  HttpHarness harness{bounded(64 * kib)};
  auto observer = harness.client();
  auto first = harness.client();
  const auto large = post_of(event_of(60 * kib));
  first.send(large.substr(0, 50 * kib));
  wait_for_more_than(observer, 49 * kib);

  auto second = harness.client();
  second.send(large.substr(0, 50 * kib));
  const auto refused = second.read_answer();

  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.at("/code"), "overloaded");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("Connection"), "close");
  EXPECT_TRUE(second.at_end());
  EXPECT_THAT(observer.get("/metrics").body,
              AllOf(HasSubstr("\ncarillon_receiving_bytes_max 65536\n"),
                    HasSubstr("\ncarillon_rejected_total{reason=\"receiving_bytes\"} 1\n")));
  // The one that was there goes on, and what it held is free then.
  first.send(large.substr(50 * kib));
  EXPECT_EQ(first.read_answer().status, 201U);
  wait_for_none(observer);
  EXPECT_EQ(harness.client().request("POST", "/api/events", event_of(60 * kib)).status, 201U);
}

TEST_F(HttpReceivingTest, TakesSmallRequestsHoweverMuchTheOthersHold) {
  HttpHarness harness{bounded(16 * kib)};
  auto observer = harness.client();
  const auto greedy = greedy_client(harness, observer, 15 * kib);
  auto another = harness.client();
  another.send(post_of(event_of(60 * kib)).substr(0, 3 * kib));
  wait_for_more_than(observer, 16 * kib);

  // In one piece, and in three: within the header, then within the body.
  auto client = harness.client();
  EXPECT_EQ(client.request("POST", "/api/events", event_of(3 * kib)).status, 201U);
  const auto small = post_of(event_of(2 * kib));
  auto held = receiving_bytes(observer);
  client.send(small.substr(0, 40));
  wait_for_more_than(observer, held);
  held = receiving_bytes(observer);
  client.send(small.substr(40, 1'000));
  wait_for_more_than(observer, held);
  client.send(small.substr(1'040));
  EXPECT_EQ(client.read_answer().status, 201U);
}

TEST_F(HttpReceivingTest, CountsNothingOfConnectionsThatAreGone) {
  HttpHarness harness;
  auto observer = harness.client();
  {
    auto header = harness.client();
    header.send("GET /api/events/list HTTP/1.1\r\nX-Filler: " + std::string(1'000, 'x'));
    wait_for_more_than(observer, 999);
    auto body = harness.client();
    body.send(post_of(event_of(200 * kib)).substr(0, 100 * kib));
    wait_for_more_than(observer, 100 * kib);
    auto chunks = harness.client();
    chunks.send("POST /api/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                LinesClient::chunk_of(std::string(100 * kib, ' ')));
    wait_for_more_than(observer, 200 * kib);
    LinesClient line{harness.port()};
    line.begin();
    line.send_chunk(event_json() + "\n" + std::string(100 * kib, ' '));
    wait_for_more_than(observer, 300 * kib);
    auto session = upgrade(harness.client());
    session.socket().send(
        WebSocketClient::frame(WebSocketFrame::text, std::string(100 * kib, ' '), /*fin=*/false));
    wait_for_more_than(observer, 400 * kib);
  }
  wait_for_none(observer);
}

TEST_F(HttpReceivingTest, CountsNothingOfRequestsThatAreOver) {
  auto options = bounded(0);
  options.request_timeout = std::chrono::seconds{1};  // within which the test sends
  options.idle_timeout = std::chrono::seconds{2};
  HttpHarness harness{options};
  auto late = harness.client();
  auto half = harness.client();
  LinesClient line{harness.port()};
  for (auto* client : {&late, &half})
    client->send(post_of(event_of(100 * kib)).substr(0, 50 * kib));
  half.finish_sending();
  line.begin();
  line.send_chunk(std::string(50 * kib, ' '));

  EXPECT_EQ(half.read_answer().status, 400U);
  EXPECT_EQ(late.read_answer().status, 408U);
  EXPECT_THAT(line.read_all(), HasSubstr("request_timeout"));
  // The clients' ends are still open.
  auto observer = harness.client();
  wait_for_none(observer);
}

TEST_F(HttpReceivingTest, HoldsNothingOfABodyThatIsThrownAway) {
  HttpHarness harness;
  auto observer = harness.client();
  auto counted = harness.client();
  auto chunked = harness.client();

  counted.send(post_of(event_of(400 * kib)).substr(0, 200 * kib));
  chunked.send("POST /api/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
               LinesClient::chunk_of(std::string(300 * kib, ' ')));
  while (figure(observer, "carillon_http_received_bytes_total") < 500 * kib)
    std::this_thread::yield();

  wait_for(observer, "carillon_receiving_bytes", [](std::size_t now) { return now <= kib; });
}

// Goal: whole requests that wait because we hold them back are no fault of their client.
// Method: a queue of two requests that a held store fills, beside somebody who holds it all.
TEST_F(HttpReceivingTest, KeepsWholeRequestsThatItHoldsBack) {
  auto options = bounded(16 * kib);
  options.pipelined_requests_max = 2;
  HttpHarness harness{options};
  auto observer = harness.client();
  const auto greedy = greedy_client(harness, observer, 15 * kib);
  harness.store.hold_reads();

  auto client = harness.client();
  std::string requests;
  for (int i = 0; i < 300; ++i)
    requests += HttpClient::text_of("GET", "/api/events/list");
  client.send(requests);
  ASSERT_TRUE(harness.store.wait_for_reads(2));
  wait_for_more_than(observer, 16 * kib);
  harness.store.release_reads();

  for (int i = 0; i < 300; ++i)
    ASSERT_EQ(client.read_answer().status, 200U);
}

TEST_F(HttpReceivingTest, EndsAStreamOfLinesWithTheLineThatIsNotWhole) {
  HttpHarness harness{bounded(64 * kib)};
  auto observer = harness.client();
  const auto greedy = greedy_client(harness, observer, 50 * kib);

  LinesClient client{harness.port()};
  client.begin();
  client.send_chunk(event_json("a") + "\n" + std::string(50 * kib, ' '));
  EXPECT_EQ(client.read_head().status, 200U);
  const auto lines = client.read_lines();

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(at(lines[0], "/sequence"), "1");
  EXPECT_EQ(at(lines[1], "/line"), "2");
  EXPECT_EQ(at(lines[1], "/code"), "overloaded");
  EXPECT_TRUE(client.at_end());
}

TEST_F(HttpReceivingTest, ClosesASessionWhoseMessageGrowsBeyondTheBoundWithItsCursor) {
  HttpHarness harness{bounded(64 * kib)};
  auto observer = harness.client();
  const auto greedy = greedy_client(harness, observer, 50 * kib);

  auto session = upgrade(harness.client());
  const auto half =
      WebSocketClient::frame(WebSocketFrame::text, std::string(50 * kib, ' '), /*fin=*/false);
  session.socket().send(half);
  HttpAnswer goodbye;
  goodbye.body = session.read_text();
  const auto close = session.read_data();

  EXPECT_EQ(goodbye.at("/type"), "goodbye");
  EXPECT_EQ(goodbye.at("/reason"), "overloaded");
  EXPECT_EQ(close.close_code(), 1013U);
  EXPECT_EQ(close.close_reason(), goodbye.at("/cursor"));
  EXPECT_EQ(close.close_reason().size(), 32U);
  session.send_close(1013);
  EXPECT_TRUE(session.socket().at_end());
  wait_for(observer, "carillon_receiving_bytes",
           [](std::size_t now) { return now >= 49 * kib && now <= 52 * kib; });
  session.socket().close();
  wait_for_none(observer, "carillon_sessions");
  EXPECT_EQ(figure(observer, "carillon_sessions_closed_total{reason=\"overloaded\"}"), 1U);
  EXPECT_EQ(figure(observer, "carillon_rejected_total{reason=\"receiving_bytes\"}"), 1U);
}

}  // namespace
}  // namespace carillon::net
