#include "tests/net/http_harness.hpp"
#include "tests/support/websocket_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace carillon::net {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using testing::WebSocketClient;
using namespace std::chrono_literals;

const std::string alice = "?user=" + engine::to_string(testing::user(1));
const std::string bob = "?user=" + engine::to_string(testing::user(2));

ServerOptions with(const AdmissionLimits& limits) {
  ServerOptions options;
  options.limits = limits;
  return options;
}

std::string upgrade(const std::string& query) {
  return HttpClient::text_of("GET", "/api/events/subscribe" + query, {},
                             "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Protocol: carillon.v1\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
}

std::string batch_of(int events) {
  std::string body = "[";
  for (int i = 0; i < events; ++i)
    body += (i == 0 ? "" : ",") + event_json();
  return body + "]";
}

void expect_refusal(const HttpAnswer& answer, unsigned status, std::string_view code) {
  EXPECT_EQ(answer.status, status);
  EXPECT_EQ(answer.at("/code"), code);
  EXPECT_EQ(answer.header("Content-Type"), "application/json; charset=utf-8");
  EXPECT_FALSE(answer.header("Retry-After").empty());
}

/// Connects until a request is answered 200: a place is free when the server has
/// seen the end of the connection that had it.
void expect_place_soon(const HttpHarness& harness) {
  const auto until = std::chrono::steady_clock::now() + HttpClient::deadline;
  unsigned status = 0;
  while (status != 200) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
    auto client = harness.client();
    client.send(HttpClient::text_of("GET", "/healthz"));
    status = client.read_answer().status;
  }
}

TEST(HttpAdmissionTest, AnswersAConnectionAboveTheTotalAndServesTheOthers) {
  HttpHarness harness{with({.connections_max = 1})};
  {
    auto first = harness.client();
    ASSERT_EQ(first.get("/healthz").status, 200U);

    auto second = harness.client();
    const auto refused = second.read_answer();  // before anything is asked
    expect_refusal(refused, 503, "too_many_connections");
    EXPECT_EQ(refused.header("Connection"), "close");
    EXPECT_TRUE(second.at_end());

    EXPECT_EQ(first.get("/healthz").status, 200U);
    EXPECT_THAT(
        first.get("/metrics").body,
        AllOf(HasSubstr("\ncarillon_connections 1\n"), HasSubstr("\ncarillon_connections_max 1\n"),
              HasSubstr("\ncarillon_rejected_total{reason=\"connections\"} 1\n")));
  }
  expect_place_soon(harness);
}

TEST(HttpAdmissionTest, AnswersAConnectionAboveTheAddresssShare) {
  HttpHarness harness{with({.connections_per_address_max = 1, .loopback_limited = true})};
  {
    auto first = harness.client();
    ASSERT_EQ(first.get("/healthz").status, 200U);

    auto second = harness.client();
    expect_refusal(second.read_answer(), 429, "too_many_connections");
    EXPECT_EQ(first.get("/healthz").status, 200U);
  }
  expect_place_soon(harness);
}

TEST(HttpAdmissionTest, ARefusedClientThatSendsMuchStillReadsWhy) {
  HttpHarness harness{with({.connections_max = 1})};
  auto first = harness.client();
  ASSERT_EQ(first.get("/healthz").status, 200U);

  auto second = harness.client();
  second.send(HttpClient::text_of("POST", "/api/events", event_json(std::string(4'000, 'x'))));

  expect_refusal(second.read_answer(), 503, "too_many_connections");
  EXPECT_TRUE(second.at_end());
}

TEST(HttpAdmissionTest, RefusesAStreamAboveTheUsersShareBeforeItIsSwitched) {
  HttpHarness harness{with({.sessions_per_user_max = 1})};
  auto first = harness.client();
  first.send(upgrade(alice));
  ASSERT_THAT(first.read_until("\r\n\r\n"), HasSubstr(" 101 "));

  auto second = harness.client();
  expect_refusal(second.request("GET", "/api/events/subscribe" + alice), 429, "too_many_sessions");
  second.send(upgrade(alice));
  expect_refusal(second.read_answer(), 429, "too_many_sessions");
  second.send(upgrade(bob));  // the connection is as good as before
  EXPECT_THAT(second.read_until("\r\n\r\n"), HasSubstr(" 101 "));

  first.close();
  for (bool open = false; !open;) {
    auto again = harness.client();
    again.send(upgrade(alice));
    open = again.read_until("\r\n\r\n").find(" 101 ") != std::string::npos;
  }
}

// Method: a batch far above the burst, so that its caller owes a hundred seconds and
// no machine is slow enough to pay that back during the test.
TEST(HttpAdmissionTest, ACallerAboveItsPublishRateIsToldWhenAndOthersAreNot) {
  HttpHarness harness{with({.service_publish_rate = 1, .service_publish_burst = 1})};
  auto client = harness.client();
  ASSERT_EQ(client.request("POST", "/api/events/batch" + alice, batch_of(100)).status, 201U);

  const auto refused = client.request("POST", "/api/events" + alice, event_json());
  expect_refusal(refused, 429, "rate_limited");
  EXPECT_THAT(std::stoi(refused.header("Retry-After")), AllOf(Ge(60), Le(100)));
  expect_refusal(client.request("POST", "/api/events/batch" + alice, batch_of(2)), 429,
                 "rate_limited");

  // Another connection, on another shard, is no way around it.
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(harness.client().request("POST", "/api/events" + alice, event_json()).status, 429U);
  EXPECT_EQ(client.request("POST", "/api/events" + bob, event_json()).status, 201U);
  EXPECT_EQ(client.get("/api/events/list" + alice).status, 200U);
  EXPECT_EQ(client.get("/api/events/list" + alice).at("/totalCount"), "100");
}

TEST(HttpAdmissionTest, ASessionAboveItsCallersPublishRateIsToldWhen) {
  HttpHarness harness{with({.service_publish_rate = 1, .service_publish_burst = 1})};
  auto publisher = harness.client();
  ASSERT_EQ(publisher.request("POST", "/api/events/batch" + alice, batch_of(100)).status, 201U);
  auto connection = harness.client();
  connection.send(upgrade(alice));
  ASSERT_THAT(connection.read_until("\r\n\r\n"), HasSubstr(" 101 "));
  WebSocketClient session{std::move(connection)};
  ASSERT_THAT(session.read_text(), HasSubstr("\"welcome\""));

  session.send_text(R"({"type":"publish","ref":7,"event":)" + event_json() + "}");
  HttpAnswer error;
  error.body = session.read_text();

  EXPECT_EQ(error.at("/type"), "error");
  EXPECT_EQ(error.at("/ref"), "7");
  EXPECT_EQ(error.at("/code"), "rate_limited");
  EXPECT_THAT(std::stoi(error.at("/retryAfterMs")), AllOf(Ge(60'000), Le(100'000)));
  session.send_text(R"({"type":"ping","ref":8})");
  EXPECT_THAT(session.read_text(), HasSubstr("\"pong\""));
}

// A listener that waits for a connection holds no token: there are two, for both loopbacks.
TEST(HttpAdmissionTest, ABurstOfConnectionsIsTheWholeBurst) {
  HttpHarness harness{with({.accept_rate = 1, .accept_burst = 5})};
  std::vector<HttpClient> clients;
  clients.reserve(5);
  for (int i = 0; i < 5; ++i) {
    clients.push_back(harness.client());
    EXPECT_EQ(clients.back().get("/healthz").status, 200U);
  }

  EXPECT_THAT(clients.back().get("/metrics").body, HasSubstr("\ncarillon_accept_pauses_total 0\n"));
}

TEST(HttpAdmissionTest, ConnectionsAboveTheAcceptRateWaitAndAreServed) {
  HttpHarness harness{with({.accept_rate = 20, .accept_burst = 1})};
  const auto until = std::chrono::steady_clock::now() + HttpClient::deadline;
  constexpr std::string_view none = "\ncarillon_accept_pauses_total 0\n";
  std::vector<HttpClient> clients;
  // One round, unless the test takes 50 ms from each connection to the next.
  do {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
    for (int i = 0; i < 10; ++i)
      clients.push_back(harness.client());
    for (auto& client : clients)
      EXPECT_EQ(client.get("/healthz").status, 200U);
  } while (clients[0].get("/metrics").body.find(none) != std::string::npos);
}

TEST(HttpAdmissionTest, WhoAsksNothingAfterConnectingIsClosedSoonerThanAnIdleOne) {
  ServerOptions options;
  options.handshake_timeout = 2s;  // within which the test greets
  HttpHarness harness{options};
  auto greeted = harness.client();
  ASSERT_EQ(greeted.get("/healthz").status, 200U);
  auto silent = harness.client();
  auto slow = harness.client();
  slow.send("GET /healthz HTTP/1.1\r\nHost:");

  EXPECT_TRUE(silent.at_end());
  const auto answer = slow.read_answer();

  EXPECT_EQ(answer.status, 408U);
  EXPECT_EQ(answer.at("/code"), "request_timeout");
  EXPECT_TRUE(slow.at_end());
  const auto until = std::chrono::steady_clock::now() + HttpClient::deadline;
  constexpr std::string_view counted = "closed_total{reason=\"handshake_timeout\"} 1\n";
  while (greeted.get("/metrics").body.find(counted) == std::string::npos)
    ASSERT_LT(std::chrono::steady_clock::now(), until);
}

TEST(HttpAdmissionTest, NewLimitsAreInForceWhileTheServerRuns) {
  HttpHarness harness;
  auto client = harness.client();
  ASSERT_EQ(client.request("POST", "/api/events/batch" + alice, batch_of(100)).status, 201U);

  harness.server().set_limits(
      {.connections_max = 1, .service_publish_rate = 1, .service_publish_burst = 1});

  EXPECT_EQ(harness.client().read_answer().status, 503U);
  EXPECT_EQ(client.request("POST", "/api/events/batch" + alice, batch_of(100)).status, 201U);
  EXPECT_EQ(client.request("POST", "/api/events" + alice, event_json()).status, 429U);
  harness.server().set_limits({});
  EXPECT_EQ(client.request("POST", "/api/events" + alice, event_json()).status, 201U);
}

}  // namespace
}  // namespace carillon::net
