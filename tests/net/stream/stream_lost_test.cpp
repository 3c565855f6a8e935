#include "tests/net/stream/stream_harness.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <vector>

namespace carillon::net {
namespace {

// Goal: thousands that vanish at once don't keep a shard from its other work.
// Method: while the shard is held, all clients are reset. Then a task that posts itself
// anew sees the number of sessions each time it has its turn among the shard's work.
// Mutation that it found: a lost session is closed at once (128 between two turns).
TEST(StreamLostTest, ClosesSessionsThatVanishAFewAtATime) {
  constexpr std::uint64_t clients_count = 400;
  constexpr std::uint64_t closed_between_turns_max = 16;
  StreamHarness harness;
  std::vector<testing::WebSocketClient> clients;
  for (std::uint64_t number = 0; number < clients_count; ++number)
    clients.push_back(harness.websocket(testing::user(1)));

  std::latch held{1};
  harness.on_shard(0, [&] { held.wait(); });
  for (auto& client : clients)
    client.socket().reset();
  std::atomic<bool> done = false;
  std::uint64_t left = clients_count;
  std::uint64_t closed_most = 0;
  std::function<void()> look = [&] {
    const auto now = harness.sessions_of(0);
    closed_most = std::max(closed_most, left - now);
    left = now;
    if (left == 0) {
      done = true;
    } else {
      harness.on_shard(0, look);
    }
  };
  harness.on_shard(0, look);
  held.count_down();

  StreamHarness::wait_for([&] { return done.load(); });
  EXPECT_LE(closed_most, closed_between_turns_max);
  EXPECT_EQ(harness.closed(CloseReason::vanished), clients_count);
}

}  // namespace
}  // namespace carillon::net
