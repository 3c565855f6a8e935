#include "tests/net/http_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

ServerOptions with(auto change) {
  ServerOptions options;
  change(options);
  return options;
}

std::string post_head(std::string_view headers) {
  return "POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
         std::string{headers} + "\r\n";
}

std::string chunked(std::string_view body, std::size_t chunk_bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (; !body.empty(); body.remove_prefix(std::min(chunk_bytes, body.size()))) {
    const auto chunk = body.substr(0, chunk_bytes);
    text += digits[chunk.size() / 16];
    text += digits[chunk.size() % 16];
    text += "\r\n" + std::string{chunk} + "\r\n";
  }
  return text + "0\r\n\r\n";
}

TEST(HttpFramingTest, ReadsARequestThatComesByteByByte) {
  HttpHarness harness;
  auto client = harness.client();

  for (const char byte : HttpClient::text_of("POST", "/api/events", event_json()))
    client.send({&byte, 1});

  EXPECT_EQ(client.read_answer().status, 201U);
}

TEST(HttpFramingTest, CountsEveryByteOfAHeader) {
  constexpr std::size_t most = 512;
  HttpHarness harness{with([](auto& options) { options.header_bytes_max = most; })};
  for (const std::string_view method : {"GET", "OPTIONS", "DELETE", "PROPFIND"}) {
    const auto begin = "\r\n" + std::string{method} + " /healthz HTTP/1.1\r\nHost:x\r\nA:  ";
    const auto header_of = [&](std::size_t bytes) {
      // The empty line before it does not count; white space in a field does.
      return begin + std::string(bytes - (begin.size() - 2) - 4, 'a') + "\r\n\r\n";
    };
    for (const bool in_pieces : {false, true}) {
      auto client = harness.client();
      const auto send = [&](const std::string& text) {
        if (!in_pieces) return client.send(text);
        for (const char byte : text)
          client.send({&byte, 1});
      };
      send(header_of(most));
      EXPECT_NE(client.read_answer().status, 431U) << method;
      send(header_of(most + 1));
      EXPECT_EQ(client.read_answer().status, 431U) << method;
    }
  }
}

TEST(HttpFramingTest, EmptyLinesKeepNoConnectionAlive) {
  HttpHarness harness{with([](auto& options) { options.idle_timeout = 2s; })};
  auto idle = harness.client();
  ASSERT_EQ(idle.get("/healthz").status, 200U);

  const auto deadline = std::chrono::steady_clock::now() + HttpClient::deadline;
  const std::string_view ended = "\ncarillon_http_connections_closed_total{reason=\"idle\"} 1\n";
  for (bool gone = false; !gone;) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    try {
      idle.send("\r\n");
    } catch (const std::runtime_error&) {
      gone = true;  // it was closed, and knows it
    }
    gone = gone || harness.client().get("/metrics").body.find(ended) != std::string::npos;
  }
}

TEST(HttpFramingTest, ReadsAChunkedBodyHoweverItIsCut) {
  HttpHarness harness;
  auto client = harness.client();
  const auto request = post_head("Transfer-Encoding: chunked\r\n") + chunked(event_json(), 16);

  client.send(request);
  EXPECT_EQ(client.read_answer().status, 201U);
  for (const char byte : request)
    client.send({&byte, 1});
  EXPECT_EQ(client.read_answer().status, 201U);
  client.send(post_head("Transfer-Encoding: chunked\r\n") + "0\r\n");
  client.send("\r");
  client.send("\n");
  EXPECT_EQ(client.read_answer().status, 400U);  // an empty body is not JSON
  EXPECT_EQ(client.get("/healthz").status, 200U);
}

TEST(HttpFramingTest, IgnoresATrailerAndEmptyLinesBeforeARequest) {
  HttpHarness harness;
  auto client = harness.client();
  const auto body = chunked(event_json(), 64);

  client.send("\r\n\r\n" + post_head("Transfer-Encoding: chunked\r\n") +
              body.substr(0, body.size() - 2) + "X-Checksum: 1\r\n\r\n");
  EXPECT_EQ(client.read_answer().status, 201U);
  EXPECT_EQ(client.get("/healthz").status, 200U);
}

TEST(HttpFramingTest, TellsAWaitingClientToContinue) {
  HttpHarness harness;
  auto client = harness.client();
  const auto body = event_json();

  client.send(
      post_head("Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n"));
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send(body);
  EXPECT_EQ(client.read_answer().status, 201U);
}

TEST(HttpFramingTest, RefusesAWaitingClientWithoutItsBody) {
  HttpHarness harness;
  auto too_big = harness.client();
  auto unknown = harness.client();

  too_big.send(post_head("Expect: 100-continue\r\nContent-Length: 1000000\r\n"));
  unknown.send(
      "POST /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");

  EXPECT_EQ(too_big.read_answer().status, 413U);
  EXPECT_TRUE(too_big.at_end());
  EXPECT_EQ(unknown.read_answer().status, 404U);
  EXPECT_TRUE(unknown.at_end());
}

TEST(HttpFramingTest, ClosesAfterAnHttp10RequestUnlessAskedNotTo) {
  HttpHarness harness;
  auto once = harness.client();
  auto kept = harness.client();

  once.send("GET /healthz HTTP/1.0\r\n\r\n");
  const auto last = once.read_answer();
  EXPECT_THAT(last.head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(once.at_end());

  kept.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.read_answer().header("Connection"), "keep-alive");
  EXPECT_EQ(kept.get("/healthz").status, 200U);
}

TEST(HttpFramingTest, ClosesIfTheClientAsksForIt) {
  HttpHarness harness;
  auto client = harness.client();

  const auto answer = client.get("/healthz", "Connection: close\r\n");

  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(client.at_end());
}

TEST(HttpFramingTest, AnswersWhatWasAskedBeforeAHalfClose) {
  HttpHarness harness;
  auto client = harness.client();

  client.send(HttpClient::text_of("POST", "/api/events", event_json()));
  client.finish_sending();

  EXPECT_EQ(client.read_answer().status, 201U);
  EXPECT_TRUE(client.at_end());
}

TEST(HttpFramingTest, AnswersPipelinedRequestsInOrderWhateverEachTakes) {
  HttpHarness harness;
  auto client = harness.client();
  harness.store.hold_reads();

  client.send(HttpClient::text_of("GET", "/api/events/list") +
              HttpClient::text_of("GET", "/nowhere") +
              HttpClient::text_of("POST", "/api/events", event_json()) +
              HttpClient::text_of("GET", "/healthz"));
  ASSERT_TRUE(harness.store.wait_for_reads(1));
  harness.store.release_reads();

  EXPECT_EQ(client.read_answer().at("/pageSize"), "25");
  EXPECT_EQ(client.read_answer().status, 404U);
  EXPECT_EQ(client.read_answer().status, 201U);
  EXPECT_EQ(client.read_answer().at("/status"), "alive");
}

TEST(HttpFramingTest, BoundsTheRequestsInFlightAndAnswersAll) {
  HttpHarness harness{with([](auto& o) { o.pipelined_requests_max = 4; })};
  auto client = harness.client();
  harness.store.hold_reads();
  std::string requests;
  for (int i = 0; i < 50; ++i)
    requests += HttpClient::text_of("GET", "/api/events/list");

  client.send(requests);
  ASSERT_TRUE(harness.store.wait_for_reads(4));
  EXPECT_EQ(harness.client().get("/healthz").status, 200U);
  harness.store.release_reads();

  for (int i = 0; i < 50; ++i)
    ASSERT_EQ(client.read_answer().status, 200U);
}

TEST(HttpFramingTest, ThrowsATooLongBodyAwayAndGoesOn) {
  HttpHarness harness{with([](auto& o) { o.event_bytes_max = 1000; })};
  auto client = harness.client();
  const auto long_event = event_json(std::string(2000, 'x'));

  const auto counted = client.request("POST", "/api/events", long_event);
  client.send(post_head("Transfer-Encoding: chunked\r\n") + chunked(long_event, 100));
  const auto by_chunks = client.read_answer();

  EXPECT_EQ(counted.status, 413U);
  EXPECT_EQ(counted.at("/code"), "body_too_large");
  EXPECT_EQ(counted.at("/error"), "The body exceeds 1000 bytes.");
  EXPECT_EQ(by_chunks.status, 413U);
  EXPECT_EQ(client.request("POST", "/api/events", event_json()).status, 201U);
}

TEST(HttpFramingTest, ClosesOnABodyTooLongToThrowAway) {
  HttpHarness harness;
  auto client = harness.client();

  client.send(post_head("Content-Length: 99999999999\r\n"));

  EXPECT_EQ(client.read_answer().status, 413U);
  EXPECT_TRUE(client.at_end());
}

TEST(HttpFramingTest, GivesOtherBodiesAnotherLimit) {
  HttpHarness harness{with([](auto& o) { o.event_bytes_max = 50; })};
  auto client = harness.client();
  const std::string ids = R"({"ids":["0193a0b0-0000-7000-8000-000000000001"],"status":"read"})";

  EXPECT_EQ(client.request("PUT", "/api/events/status", ids).status, 200U);
}

void expect_header_too_large(HttpClient client) {
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 431U);
  EXPECT_EQ(answer.at("/code"), "header_too_large");
  EXPECT_TRUE(client.at_end());
}

TEST(HttpFramingTest, RefusesAHeaderLineOverTheLimit) {
  HttpHarness harness{with([](auto& o) { o.header_bytes_max = 1024; })};
  auto line = harness.client();
  auto target = harness.client();

  line.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + std::string(2000, 'a'));
  target.send("GET /" + std::string(2000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n");

  expect_header_too_large(std::move(line));
  expect_header_too_large(std::move(target));
}

TEST(HttpFramingTest, RefusesManyHeaderLinesOverTheLimitHoweverTheyCome) {
  HttpHarness harness{with([](auto& o) { o.header_bytes_max = 1024; })};
  auto at_once = harness.client();
  auto in_lines = harness.client();
  auto in_pieces = harness.client();
  const std::string begin = "GET /healthz HTTP/1.1\r\nHost: x\r\n";
  std::string fields;
  for (int i = 0; i < 80; ++i)
    fields += "X: aaaaaaaaaa\r\n";

  at_once.send(begin + fields + "\r\n");
  in_lines.send(begin);
  for (std::size_t i = 0; i < fields.size(); i += 15)
    in_lines.send(fields.substr(i, 15));
  for (std::size_t i = 0; i < fields.size(); i += 11)
    in_pieces.send((begin + fields).substr(i, 11));

  expect_header_too_large(std::move(at_once));
  expect_header_too_large(std::move(in_lines));
  expect_header_too_large(std::move(in_pieces));
}

struct Broken {
  const char* what;
  std::string bytes;
};

class HttpBrokenFramingTest : public ::testing::TestWithParam<Broken> {};

TEST_P(HttpBrokenFramingTest, IsAnsweredAndEndsTheConnection) {
  HttpHarness harness;
  auto client = harness.client();

  client.send(GetParam().bytes);

  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 400U) << GetParam().what;
  EXPECT_EQ(answer.at("/code"), "malformed_request");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(client.at_end()) << "what follows was taken for a request";
}

const std::string smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    HttpBrokenFramingTest,
    ::testing::Values(
        Broken{"length and chunks",
               post_head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" +
                   smuggled},
        Broken{"chunks and length",
               post_head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n" +
                   smuggled},
        Broken{"two equal lengths",
               post_head("Content-Length: 2\r\nContent-Length: 2\r\n") + "{}" + smuggled},
        Broken{"two lengths in one", post_head("Content-Length: 2, 2\r\n") + "{}" + smuggled},
        Broken{"signed length", post_head("Content-Length: +2\r\n") + "{}" + smuggled},
        Broken{"negative length", post_head("Content-Length: -1\r\n") + smuggled},
        Broken{"length beyond 64 bits",
               post_head("Content-Length: 99999999999999999999999\r\n") + smuggled},
        Broken{"another encoding", post_head("Transfer-Encoding: gzip\r\n") + smuggled},
        Broken{"two encodings", post_head("Transfer-Encoding: gzip, chunked\r\n") + smuggled},
        Broken{"chunked twice",
               post_head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") +
                   "0\r\n\r\n" + smuggled},
        Broken{
            "chunks in HTTP/1.0",
            "POST /api/events HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled},
        Broken{"bad chunk size",
               post_head("Transfer-Encoding: chunked\r\n") + "xyz\r\n{}\r\n0\r\n\r\n" + smuggled},
        Broken{"chunk longer than said",
               post_head("Transfer-Encoding: chunked\r\n") + "1\r\n{}\r\n0\r\n\r\n" + smuggled},
        Broken{"space before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n" + smuggled},
        Broken{"bare line feeds", "GET /healthz HTTP/1.1\nHost: x\n\n\r\n\r\n"},
        Broken{"no version", "GET /healthz\r\n\r\n" + smuggled},
        Broken{"HTTP/2", "GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n" + smuggled},
        Broken{"not HTTP",
               std::string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15}}));

TEST(HttpFramingTest, AnswersEarlierRequestsBeforeBrokenFraming) {
  HttpHarness harness;
  auto client = harness.client();

  client.send(HttpClient::text_of("POST", "/api/events", event_json()) + "nonsense\r\n\r\n");

  EXPECT_EQ(client.read_answer().status, 201U);
  EXPECT_EQ(client.read_answer().status, 400U);
  EXPECT_TRUE(client.at_end());
}

TEST(HttpFramingTest, RefusesARequestWithoutHostAndGoesOn) {
  HttpHarness harness;
  auto client = harness.client();

  client.send("GET /healthz HTTP/1.1\r\n\r\n");

  EXPECT_EQ(client.read_answer().status, 400U);
  EXPECT_EQ(client.get("/healthz").status, 200U);
}

TEST(HttpFramingTest, AnswersAndClosesAfterHalfARequest) {
  HttpHarness harness{with([](auto& o) { o.request_timeout = 100ms; })};
  auto in_header = harness.client();
  auto in_body = harness.client();

  in_header.send("POST /api/events HTTP/1.1\r\nHos");
  in_body.send(post_head("Content-Length: 100\r\n") + "{");

  for (auto* client : {&in_header, &in_body}) {
    const auto answer = client->read_answer();
    EXPECT_EQ(answer.status, 408U);
    EXPECT_EQ(answer.at("/code"), "request_timeout");
    EXPECT_TRUE(client->at_end());
  }
}

TEST(HttpFramingTest, DoesNotCountItsOwnDelayAgainstTheClient) {
  HttpHarness harness{with([](auto& o) { o.request_timeout = 60ms; })};
  auto slow = harness.client();
  auto clock = harness.client();
  harness.store.hold_reads();
  slow.send(HttpClient::text_of("GET", "/api/events/list"));
  ASSERT_TRUE(harness.store.wait_for_reads(1));

  clock.send("GET /he");  // its 408 comes after more than the timeout
  EXPECT_EQ(clock.read_answer().status, 408U);
  harness.store.release_reads();

  EXPECT_EQ(slow.read_answer().status, 200U);
  EXPECT_EQ(slow.get("/healthz").status, 200U);
}

TEST(HttpFramingTest, ClosesAnIdleConnectionSilently) {
  HttpHarness harness{with([](auto& o) { o.idle_timeout = 2s; })};
  auto fresh = harness.client();
  auto used = harness.client();

  EXPECT_EQ(used.get("/healthz").status, 200U);

  EXPECT_EQ(fresh.read_all(), "");
  EXPECT_EQ(used.read_all(), "");
}

// Goal: a client that asks and never reads costs a bounded amount of memory and
// is dropped. Method: a small receive buffer and answers of 200 KB each.
TEST(HttpFramingTest, DropsAClientThatNeverReads) {
  HttpHarness harness{with([](auto& o) { o.write_timeout = 100ms; })};
  auto publisher = harness.client();
  const auto answer = publisher.request("POST", "/api/events", event_json(std::string(4'900, 'x')));
  ASSERT_EQ(answer.status, 201U);
  for (int i = 0; i < 40; ++i)
    ASSERT_EQ(publisher.request("POST", "/api/events", event_json(std::string(4'900, 'x'))).status,
              201U);
  HttpClient client{harness.port(), 4096};
  std::string requests;
  for (int i = 0; i < 120; ++i)
    requests += HttpClient::text_of("GET", "/api/events/list?pagesize=all");

  client.send(requests);

  // Watched from outside: the reason is counted once it was dropped.
  constexpr std::string_view dropped =
      R"(carillon_http_connections_closed_total{reason="write_timeout"} 1)";
  auto watcher = harness.client();
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (watcher.get("/metrics").body.find(dropped) == std::string::npos)
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
}

TEST(HttpFramingTest, ForgetsAClientThatVanishesBeforeItsAnswer) {
  HttpHarness harness;
  harness.store.hold_commits();
  {
    auto vanishing = harness.client();
    vanishing.send(HttpClient::text_of("POST", "/api/events", event_json()) +
                   HttpClient::text_of("GET", "/api/events/list"));
    ASSERT_TRUE(harness.store.wait_for_held(1));
    vanishing.reset();
  }
  auto next = harness.client();  // may get the same place in the table
  next.send(HttpClient::text_of("GET", "/healthz"));
  EXPECT_EQ(next.read_answer().status, 200U);
  harness.store.release_commits();

  EXPECT_EQ(next.get("/api/events/list").at("/totalCount"), "1");
}

TEST(HttpFramingTest, UnderstandsAnAbsoluteTarget) {
  HttpHarness harness;

  EXPECT_EQ(harness.client().get("http://localhost:9081/healthz").status, 200U);
}

}  // namespace
}  // namespace carillon::net
