#include "tests/net/lines_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using HttpLinesEndTest = HttpLinesTest;

TEST_F(HttpLinesEndTest, KeepsWhatCameBeforeTheClientVanished) {
  HttpHarness harness;
  {
    auto gone = client_of(harness);
    gone.begin();
    gone.send_chunk(event_json("a") + "\n" + event_json("b") + "\n" + event_json("cut").substr(9));
    EXPECT_EQ(gone.read_head().status, 200U);
    static_cast<void>(gone.read_line());
  }
  auto client = client_of(harness);
  const auto lines = client.post(event_json("c"));

  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(at(lines[0], "/sequence"), "3");
}

TEST_F(HttpLinesEndTest, EndsABodyThatBreaksOffWithALineThatSaysSo) {
  HttpHarness harness;
  auto half = client_of(harness);
  half.begin();
  half.send_chunk(event_json("a") + "\n" + event_json("cut"));
  half.finish_sending();
  EXPECT_EQ(half.read_head().status, 200U);
  const auto lines = half.read_lines();

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(at(lines[1], "/line"), "2");
  EXPECT_EQ(at(lines[1], "/code"), "malformed_request");
  EXPECT_TRUE(half.at_end());

  auto broken = client_of(harness);
  broken.begin();
  broken.send_chunk(event_json("b") + "\n");
  broken.send("nonsense\r\n");
  EXPECT_EQ(broken.read_head().status, 200U);
  const auto rest = broken.read_lines();
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(at(rest[0], "/sequence"), "2");
  EXPECT_EQ(at(rest[1], "/line"), "2");
  EXPECT_EQ(total(harness), "2");
}

TEST_F(HttpLinesEndTest, EndsWithALineThatSaysThatTheServerDrains) {
  HttpHarness harness;
  auto client = client_of(harness);
  harness.store.hold_commits();
  client.begin();
  client.send_chunk(event_json("a") + "\n" + event_json("half"));
  EXPECT_EQ(client.read_head().status, 200U);
  ASSERT_TRUE(harness.store.wait_for_held(1));

  std::thread drain{[&] { harness.server().drain(); }};
  harness.store.release_commits();
  const auto lines = client.read_lines();
  EXPECT_TRUE(client.at_end());
  client.close();
  drain.join();

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(at(lines[0], "/sequence"), "1");
  EXPECT_EQ(at(lines[1], "/line"), "2");
  EXPECT_EQ(at(lines[1], "/code"), "draining");
}

TEST_F(HttpLinesEndTest, TellsTheFirstLineThatADrainLeftOut) {
  ServerOptions options;
  options.batch_events_max = 3;
  HttpHarness harness{options};
  auto client = client_of(harness);
  harness.store.hold_commits();
  client.begin();
  std::string text;
  for (int i = 0; i < 8; ++i)
    text += event_json() + "\n";
  client.send_chunk(text);
  EXPECT_EQ(client.read_head().status, 200U);
  ASSERT_TRUE(harness.store.wait_for_held(3));

  std::thread drain{[&] { harness.server().drain(); }};
  harness.store.release_commits();
  const auto lines = client.read_lines();
  client.close();
  drain.join();

  // Which lines were taken depends on when the drain came; none is in doubt.
  ASSERT_GE(lines.size(), 4U);
  for (std::size_t i = 0; i + 1 < lines.size(); ++i)
    EXPECT_EQ(at(lines[i], "/sequence"), std::to_string(i + 1));
  EXPECT_EQ(at(lines.back(), "/line"), std::to_string(lines.size()));
  EXPECT_EQ(at(lines.back(), "/code"), "draining");
}

TEST_F(HttpLinesEndTest, EndsAStreamInWhichNothingCame) {
  ServerOptions options;
  options.idle_timeout = std::chrono::seconds{2};
  HttpHarness harness{options};
  auto client = client_of(harness);

  client.begin();
  client.send_chunk(event_json("a") + "\n" + event_json("half"));
  EXPECT_EQ(client.read_head().status, 200U);
  const auto lines = client.read_lines();

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(at(lines[1], "/line"), "2");
  EXPECT_EQ(at(lines[1], "/code"), "request_timeout");
}

TEST_F(HttpLinesEndTest, OutlivesTheTimeOfAnOrdinaryRequest) {
  ServerOptions options;
  options.request_timeout = std::chrono::milliseconds{50};
  HttpHarness harness{options};
  auto client = client_of(harness);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{300};

  client.begin();
  EXPECT_EQ(client.read_head().status, 200U);
  std::size_t lines = 0;
  while (std::chrono::steady_clock::now() < end) {
    client.send_chunk(event_json() + "\n");
    EXPECT_EQ(client.read_line().at("/line"), std::to_string(++lines));
  }
  client.end();

  EXPECT_EQ(client.read_line().body, "");
}

}  // namespace
}  // namespace carillon::net
