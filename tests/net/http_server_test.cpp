#include "tests/net/http_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <thread>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST(HttpServerTest, SaysWhyItCantListen) {
  HttpHarness harness;
  ShardThreads threads{1};
  testing::ScriptedStore store;
  engine::Options engine_options;
  engine_options.shards = 1;
  engine_options.waker = &threads;
  const auto broadcaster = *engine::Broadcaster::create(engine_options, &store);
  ServerOptions options;
  options.port = harness.port();

  const auto taken = Server::create(options, threads, *broadcaster, store);
  options.host = "300.1.2.3";
  const auto nowhere = Server::create(options, threads, *broadcaster, store);
  broadcaster->stop();

  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, engine::make_error_code(engine::Errc::io));
  EXPECT_THAT(taken.error().message, HasSubstr("127.0.0.1:" + std::to_string(options.port)));
  EXPECT_FALSE(nowhere);
}

TEST(HttpServerTest, RefusesABroadcasterWithAnotherNumberOfShards) {
  ShardThreads threads{2};
  testing::ScriptedStore store;
  engine::Options engine_options;
  engine_options.shards = 1;
  engine_options.waker = &threads;
  const auto broadcaster = *engine::Broadcaster::create(engine_options, &store);

  const auto server = Server::create({}, threads, *broadcaster, store);
  broadcaster->stop();

  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, engine::make_error_code(engine::Errc::invalid_argument));
}

TEST(HttpServerTest, ListensOnIpv6WithOrWithoutBrackets) {
  for (const auto* host : {"[::1]", "::1"}) {
    ServerOptions options;
    options.host = host;
    HttpHarness harness{options};
    EXPECT_NE(harness.port(), 0);
  }
}

// Method: one shard, so that the end of the idle connection shows that the drain
// has begun for all. The late client's half request is in the server by then: it
// came in one piece with one that was answered.
TEST(HttpServerTest, DrainsByAnsweringWhatIsInFlightAndRefusingTheRest) {
  HttpHarness harness{{}, {}, /*shards=*/1};
  auto busy = harness.client();
  auto idle = harness.client();
  auto late = harness.client();
  ASSERT_EQ(idle.get("/healthz").status, 200U);
  late.send(HttpClient::text_of("GET", "/healthz") + "GET /api/events/list HTTP/1.1\r\n");
  ASSERT_EQ(late.read_answer().status, 200U);
  harness.store.hold_commits();
  busy.send(HttpClient::text_of("POST", "/api/events", event_json()));
  ASSERT_TRUE(harness.store.wait_for_held(1));

  auto drained = std::async(std::launch::async, [&] { harness.server().drain(); });
  EXPECT_TRUE(idle.at_end());
  late.send("Host: x\r\n\r\n");
  const auto refused = late.read_answer();
  harness.store.release_commits();
  const auto answered = busy.read_answer();

  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.at("/code"), "draining");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("Connection"), "close");
  EXPECT_EQ(answered.status, 201U);
  EXPECT_EQ(answered.header("Connection"), "close");
  EXPECT_TRUE(late.at_end());
  EXPECT_TRUE(busy.at_end());
  late.close();
  busy.close();
  drained.get();
  EXPECT_THROW(harness.client(), std::runtime_error);
}

// Method: more than one read brings and the queue takes, so that requests wait in the
// queue, behind it, and in the socket when the drain begins.
TEST(HttpServerTest, AnswersAllThatCameBeforeTheDrainHoweverMuchOfItHadToWait) {
  ServerOptions options;
  options.pipelined_requests_max = 4;
  HttpHarness harness{options, {}, /*shards=*/1};
  auto idle = harness.client();
  auto busy = harness.client();
  ASSERT_EQ(idle.get("/healthz").status, 200U);
  harness.store.hold_reads();
  std::string requests;
  for (int i = 0; i < 18; ++i)
    requests += HttpClient::text_of("GET", "/api/events/list", {},
                                    "X-Filler: " + std::string(4'000, 'x') + "\r\n");
  busy.send(requests);
  ASSERT_TRUE(harness.store.wait_for_reads(4));

  auto drained = std::async(std::launch::async, [&] { harness.server().drain(); });
  EXPECT_TRUE(idle.at_end());
  harness.store.release_reads();

  for (int i = 0; i < 18; ++i)
    ASSERT_EQ(busy.read_answer().status, 200U) << i;
  EXPECT_TRUE(busy.at_end());
  idle.close();
  busy.close();
  drained.get();
}

TEST(HttpServerTest, GivesUpDrainingAfterItsTime) {
  ServerOptions options;
  options.drain_timeout = 50ms;
  HttpHarness harness{options};
  auto stuck = harness.client();
  harness.store.hold_commits();
  stuck.send(HttpClient::text_of("POST", "/api/events", event_json()));
  ASSERT_TRUE(harness.store.wait_for_held(1));

  harness.server().drain();  // returns, though the commit never comes

  SUCCEED();
}

// Goal: answers reach their own requests whatever threads they come from.
// Method: four clients pipeline publishes of two kinds and reads; each checks
// that the answers are its own, in its order.
TEST(HttpServerConcurrencyTest, AnswersEachClientItsOwn) {
  constexpr int clients = 4;
  constexpr int rounds = 50;
  HttpHarness harness;
  std::latch start{clients};
  std::vector<std::jthread> threads;
  for (int number = 0; number < clients; ++number) {
    threads.emplace_back([&, number] {
      auto client = harness.client();
      const auto user =
          "?user=" + engine::to_string(testing::user(static_cast<std::uint8_t>(number)));
      start.arrive_and_wait();
      for (int round = 0; round < rounds; ++round) {
        const auto name = std::to_string(number) + "-" + std::to_string(round);
        client.send(HttpClient::text_of("POST", "/api/events" + user, event_json(name)) +
                    HttpClient::text_of("POST", "/api/events" + user, event_json(name),
                                        "Prefer: respond-async\r\n") +
                    HttpClient::text_of("GET", "/api/events/list" + user));
        ASSERT_EQ(client.read_answer().at("/description"), name);
        ASSERT_EQ(client.read_answer().at("/description"), name);
        ASSERT_EQ(client.read_answer().status, 200U);
      }
      // Who did not wait for its event may be answered before it is stored.
      const auto until = std::chrono::steady_clock::now() + HttpClient::deadline;
      while (client.get("/api/events/list" + user).at("/totalCount") != std::to_string(2 * rounds))
        ASSERT_LT(std::chrono::steady_clock::now(), until);
    });
  }
}

}  // namespace
}  // namespace carillon::net
