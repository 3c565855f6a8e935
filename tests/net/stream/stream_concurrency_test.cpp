#include "tests/net/stream/stream_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace carillon::net {
namespace {

using testing::WebSocketClient;
using testing::WebSocketFrame;

std::uint64_t sequence_in(const std::string& json) {
  const auto found = json.find(R"("sequence":)");
  return found == std::string::npos ? 0 : std::stoull(json.substr(found + 11));
}

// Goal: subscribing and leaving in every way while events flow neither loses nor
// doubles an event for those who stay, and leaves nothing behind. Method: four
// users on two shards, two publishing threads, a steady session for each user
// that checks each sequence against the others of its user, and a churn of
// sessions that close, reset, or vanish in mid-frame.
// With one session at home only, most of the others are guests.
class StreamChurnConcurrencyTest : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(StreamChurnConcurrencyTest, SurvivesChurnDuringPublish) {
  constexpr int users = 4;
  constexpr int events_each = 1'500;
  constexpr int churns = 120;
  HarnessOptions options{.shards = 2};
  options.server.home_sessions_max = GetParam();
  StreamHarness harness{options};
  std::vector<WebSocketClient> steady;
  std::vector<testing::SseClient> streams;
  for (std::uint8_t user = 0; user < users; ++user) {
    steady.push_back(harness.websocket(testing::user(user)));
    streams.push_back(harness.sse(testing::user(user)));
    static_cast<void>(streams.back().read_head());
    static_cast<void>(streams.back().read_event());
  }

  std::latch start{3};
  std::vector<std::thread> threads;
  for (int publisher = 0; publisher < 2; ++publisher) {
    threads.emplace_back([&, publisher] {
      start.arrive_and_wait();
      for (int i = 0; i < events_each; ++i)
        for (int user = publisher; user < users; user += 2)
          harness.publish(testing::user(static_cast<std::uint8_t>(user)), "n" + std::to_string(i));
    });
  }
  std::vector<std::string> failures(users);
  for (std::size_t user = 0; user < users; ++user) {
    threads.emplace_back([&, user] {
      std::uint64_t last = 0;
      for (int i = 0; i < events_each; ++i) {
        const auto plain = steady[user].read_text();
        const auto sse = streams[user].read_event().data;
        const auto sequence = sequence_in(plain);
        if (sequence <= last || sequence != sequence_in(sse) ||
            plain.find("\"n" + std::to_string(i) + '"') == std::string::npos)
          failures[user] += plain + "\n";
        last = sequence;
      }
    });
  }
  start.arrive_and_wait();
  for (int churn = 0; churn < churns; ++churn) {
    StreamSpec stream;
    stream.kind = churn % 4 == 3 ? StreamSpec::Kind::sse : StreamSpec::Kind::websocket;
    stream.user = testing::user(static_cast<std::uint8_t>(churn % users));
    const bool is_sse = stream.kind == StreamSpec::Kind::sse;
    WebSocketClient client{harness.connect(
        std::move(stream),
        is_sse ? testing::SseClient::request() : WebSocketClient::upgrade_request("carillon.v1"))};
    static_cast<void>(client.read_head());
    if (churn % 4 == 0) {
      client.send_close(1000);
      while (client.read_data().opcode != WebSocketFrame::close) {
      }
    } else if (churn % 4 == 1) {
      client.socket().reset();
    } else if (churn % 4 == 2) {
      client.socket().send("\x81");
    }
  }
  for (auto& thread : threads)
    thread.join();

  EXPECT_THAT(failures, ::testing::Each(""));
  StreamHarness::wait_for([&] { return harness.counters().sessions == 2 * users; });
  StreamHarness::wait_for([&] { return harness.subscriptions() == 2 * users; });
  steady.clear();
  streams.clear();
  StreamHarness::wait_for([&] { return harness.counters().sessions == 0; });
  StreamHarness::wait_for([&] { return harness.subscriptions() == 0; });
}

INSTANTIATE_TEST_SUITE_P(HomeSessions, StreamChurnConcurrencyTest, ::testing::Values(0U, 1U));

// Goal: the counters and the acks cross threads cleanly. Method: acknowledgements
// come from the log's thread while sessions publish and leave.
TEST(StreamConcurrencyTest, BringsAcknowledgementsBackFromTheLogsThread) {
  constexpr int publishes = 400;
  testing::ManualLog log;
  StreamHarness harness{{.shards = 2, .log = &log}};
  std::atomic<bool> running{true};
  std::thread committer{[&] {
    while (running.load()) {
      log.commit();
      static_cast<void>(harness.counters());
      std::this_thread::yield();
    }
  }};
  std::vector<std::thread> publishers;
  std::vector<int> acks(2, 0);
  for (std::uint8_t number = 0; number < 2; ++number) {
    publishers.emplace_back(
        [&, number, client = harness.websocket(testing::user(number), "carillon.v1")]() mutable {
          for (int i = 0; i < publishes; ++i) {
            client.send_text(R"({"type":"publish","ref":)" + std::to_string(i) +
                             R"(,"event":{"category":"a","action":"b","severity":"info"}})");
            const auto expected = R"({"type":"ack","ref":)" + std::to_string(i) + ",";
            for (std::string text; !text.starts_with(expected);)
              text = client.read_text();
            ++acks[number];
          }
          // Leaves with one publish in flight.
          client.send_text(
              R"({"type":"publish","event":{"category":"a","action":"b","severity":"info"}})");
          client.socket().reset();
        });
  }
  for (auto& publisher : publishers)
    publisher.join();
  StreamHarness::wait_for([&] { return harness.counters().sessions == 0; });
  running.store(false);
  committer.join();

  EXPECT_THAT(acks, ::testing::Each(publishes));
}

}  // namespace
}  // namespace carillon::net
