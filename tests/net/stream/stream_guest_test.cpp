#include "tests/net/stream/stream_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using testing::WebSocketClient;
using testing::WebSocketFrame;

// Three shards; from the third session on a user's sessions are spread.
class StreamGuestTest : public ::testing::Test {
 protected:
  static HarnessOptions options() {
    HarnessOptions options{.shards = 3};
    options.server.home_sessions_max = 2;
    return options;
  }
  [[nodiscard]] std::vector<std::uint64_t> sessions_by_distance() {
    const auto home = harness_.broadcaster().shard_of(user_);
    std::vector<std::uint64_t> counts;
    for (engine::ShardIndex distance = 0; distance < 3; ++distance)
      counts.push_back(harness_.sessions_of((home + distance) % 3));
    return counts;
  }

  const engine::UserId user_ = testing::user(1);
  StreamHarness harness_{options()};
};

TEST_F(StreamGuestTest, ServesAHotUserOnAllShardsWithTheSameBytesInOneOrder) {
  constexpr int events = 50;
  std::vector<WebSocketClient> clients;
  for (int i = 0; i < 8; ++i)
    clients.push_back(harness_.websocket(user_));
  EXPECT_EQ(sessions_by_distance(), (std::vector<std::uint64_t>{4, 2, 2}));

  for (int i = 0; i < events; ++i)
    harness_.publish(user_, "n" + std::to_string(i));

  for (int i = 0; i < events; ++i) {
    const auto text = clients.front().read_text();
    EXPECT_THAT(text, ::testing::HasSubstr("\"n" + std::to_string(i) + '"'));
    for (std::size_t other = 1; other < clients.size(); ++other)
      EXPECT_EQ(clients[other].read_text(), text);
  }
}

TEST_F(StreamGuestTest, MakesRoomAtHomeWhenSessionsEnd) {
  std::vector<WebSocketClient> clients;
  for (int i = 0; i < 5; ++i)
    clients.push_back(harness_.websocket(user_));

  for (auto& client : clients) {
    client.send_close(1000);
    EXPECT_EQ(client.read_data().opcode, WebSocketFrame::close);
  }
  clients.clear();
  StreamHarness::wait_for([&] { return harness_.counters().sessions == 0; });
  StreamHarness::wait_for([&] { return harness_.subscriptions() == 0; });

  const auto next = harness_.websocket(user_);
  EXPECT_EQ(sessions_by_distance(), (std::vector<std::uint64_t>{1, 0, 0}));
}

TEST_F(StreamGuestTest, DeliversFromTheMomentThatTheClientHasItsAnswer) {
  std::vector<WebSocketClient> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(harness_.websocket(user_));
    harness_.publish(user_, "n" + std::to_string(i));
    for (auto& client : clients)
      EXPECT_THAT(client.read_text(), ::testing::HasSubstr("\"n" + std::to_string(i) + '"'));
  }
}

TEST_F(StreamGuestTest, FiltersAndStreamsServerSentEventsToGuests) {
  std::vector<WebSocketClient> clients{};
  clients.push_back(harness_.websocket(user_));
  clients.push_back(harness_.websocket(user_));
  engine::Filter filter;
  filter.search = "wanted";
  auto guest = harness_.sse(user_, filter);
  static_cast<void>(guest.read_head());
  EXPECT_EQ(guest.read_event().name, "welcome");
  EXPECT_EQ(sessions_by_distance(), (std::vector<std::uint64_t>{2, 0, 1}));

  harness_.publish(user_, "other");
  harness_.publish(user_, "wanted");

  EXPECT_THAT(guest.read_event().data, ::testing::HasSubstr("\"wanted\""));
}

TEST_F(StreamGuestTest, AnswersWhatAGuestPublishes) {
  std::vector<WebSocketClient> clients;
  for (int i = 0; i < 3; ++i)
    clients.push_back(harness_.websocket(user_, "carillon.v1"));
  for (auto& client : clients)
    EXPECT_THAT(client.read_text(), ::testing::StartsWith(R"({"type":"welcome")"));

  clients.back().send_text(
      R"({"type":"publish","ref":7,"event":{"category":"a","action":"b","severity":"info"}})");

  const std::vector<std::string> said{clients.back().read_text(), clients.back().read_text()};
  EXPECT_THAT(said,
              ::testing::UnorderedElementsAre(::testing::StartsWith(R"({"type":"ack","ref":7,)"),
                                              ::testing::StartsWith(R"({"type":"event")")));
  EXPECT_THAT(clients.front().read_text(), ::testing::StartsWith(R"({"type":"event")"));
}

TEST_F(StreamGuestTest, SaysGoodbyeToGuests) {
  std::vector<WebSocketClient> clients;
  for (int i = 0; i < 4; ++i)
    clients.push_back(harness_.websocket(user_));

  harness_.drain();

  for (auto& client : clients)
    EXPECT_EQ(client.read_data().close_code(), 1001U);
}

}  // namespace
}  // namespace carillon::net
