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

constexpr std::string_view id_text = "0193a0b0-0000-7000-8000-000000000001";

std::string with_id(std::string_view description) {
  return event_json(description, ",\"id\":\"" + std::string{id_text} + "\"");
}

TEST_F(HttpLinesTest, AnswersEachLineWhileTheRequestGoesOn) {
  HttpHarness harness;
  auto client = client_of(harness);

  client.begin();
  const auto head = client.read_head();
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.header("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(head.header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(head.header("Content-Length"), "");
  for (int number = 1; number <= 3; ++number) {
    client.send_chunk(event_json(std::to_string(number)) + "\n");
    const auto result = client.read_line();
    EXPECT_EQ(result.at("/line"), std::to_string(number));
    const auto stored = harness.client().get("/api/events/" + result.at("/id"));
    EXPECT_EQ(stored.at("/description"), std::to_string(number));
    EXPECT_EQ(stored.at("/sequence"), result.at("/sequence"));
  }
  client.end();
  EXPECT_EQ(client.read_line().body, "");
}

TEST_F(HttpLinesTest, AnswersALineOnlyAfterItsCommit) {
  HttpHarness harness;
  auto client = client_of(harness);
  harness.store.hold_commits();

  client.begin();
  client.send_chunk(event_json("a") + "\n");
  ASSERT_TRUE(harness.store.wait_for_held(1));
  client.send_chunk("{bad\n");
  harness.store.release_commits();
  EXPECT_EQ(client.read_head().status, 200U);

  EXPECT_EQ(client.read_line().at("/sequence"), "1");
  EXPECT_EQ(client.read_line().at("/code"), "malformed_json");
}

TEST_F(HttpLinesTest, AnswersBeforeTheCommitIfAsked) {
  HttpHarness harness;
  auto client = client_of(harness);
  harness.store.hold_commits();

  client.begin("Prefer: respond-async\r\n");
  client.send_chunk(event_json("a") + "\n");
  EXPECT_EQ(client.read_head().header("Preference-Applied"), "respond-async");

  EXPECT_EQ(client.read_line().at("/sequence"), "1");
  harness.store.release_commits();
}

TEST_F(HttpLinesTest, PutsLinesTogetherHoweverTheyWereCut) {
  HttpHarness harness;
  auto client = client_of(harness);
  const auto text = event_json("a") + "\n" + event_json("b") + "\r\n\n" + event_json("c");

  client.begin();
  for (const char& c : text)
    client.send_chunk({&c, 1});
  client.end();
  EXPECT_EQ(client.read_head().status, 200U);
  const auto lines = client.read_lines();

  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], StartsWith(R"({"line":1,)"));
  EXPECT_THAT(lines[1], StartsWith(R"({"line":2,)"));
  EXPECT_THAT(lines[2], StartsWith(R"({"line":4,)"));
  EXPECT_EQ(total(harness), "3");
}

TEST_F(HttpLinesTest, CountsBlankLinesAndAnswersThemNot) {
  HttpHarness harness;
  auto client = client_of(harness);

  EXPECT_TRUE(client.post("\n \t\r\n\n").empty());
  EXPECT_TRUE(client.post("", "Content-Length: 0\r\n").empty());
  const auto lines = client.post("\r\n\n" + event_json());

  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], StartsWith(R"({"line":3,"id":")"));
}

TEST_F(HttpLinesTest, AnswersABadLineWithItsFaultsAndGoesOn) {
  HttpHarness harness;
  auto client = client_of(harness);

  const auto lines =
      client.post(event_json("a") + "\n{\"category\":\"x\",\"severity\":\"loud\"}\n7\n" +
                  event_json("b") + "\n\xff\n" + event_json("c") + "\n");

  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(at(lines[0], "/sequence"), "1");
  EXPECT_EQ(at(lines[1], "/line"), "2");
  EXPECT_EQ(at(lines[1], "/code"), "invalid_event");
  EXPECT_EQ(at(lines[1], "/details/0/field"), "action");
  EXPECT_EQ(at(lines[1], "/details/1/field"), "severity");
  EXPECT_THAT(at(lines[1], "/error"), HasSubstr("action"));
  EXPECT_EQ(at(lines[2], "/code"), "invalid_event");
  EXPECT_EQ(at(lines[3], "/sequence"), "2");
  EXPECT_EQ(at(lines[4], "/code"), "malformed_json");
  EXPECT_EQ(at(lines[5], "/line"), "6");
  EXPECT_EQ(at(lines[5], "/sequence"), "3");
  EXPECT_EQ(total(harness), "3");
}

TEST_F(HttpLinesTest, GoesOnBehindMoreBadLinesThanMayBeInFlight) {
  ServerOptions options;
  options.batch_events_max = 3;
  options.pipelined_requests_max = 4;
  HttpHarness harness{options};
  auto client = client_of(harness);
  std::string body;
  for (int i = 0; i < 50; ++i)
    body += "7\n";

  const auto lines = client.post(body + event_json("a"));

  ASSERT_EQ(lines.size(), 51U);
  EXPECT_EQ(at(lines[49], "/code"), "invalid_event");
  EXPECT_EQ(at(lines[50], "/line"), "51");
  EXPECT_EQ(at(lines[50], "/sequence"), "1");

  // Behind an event whose acknowledgement is what made room.
  client.begin();
  client.send_chunk(event_json("b") + "\n" + body);
  client.send_chunk(event_json("c") + "\n" + body);
  client.end();
  EXPECT_EQ(client.read_head().status, 200U);
  EXPECT_EQ(client.read_lines().size(), 102U);
}

TEST_F(HttpLinesTest, RefusesALineOverTheSizeOfAnEventAndGoesOn) {
  ServerOptions options;
  options.event_bytes_max = 1'024;
  options.body_bytes_max = 4'096;
  HttpHarness harness{options};
  auto client = client_of(harness);
  const auto frame = event_json("").size();
  const auto largest = event_json(std::string(1'024 - frame, 'x'));
  const auto larger = event_json(std::string(1'025 - frame, 'x'));
  const auto huge = event_json(std::string(300'000, 'x'));

  const auto lines =
      client.post(largest + "\r\n" + larger + "\n" + huge + "\n" + largest + "\n" + huge);

  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(at(lines[0], "/sequence"), "1");
  EXPECT_EQ(at(lines[1], "/code"), "body_too_large");
  EXPECT_THAT(at(lines[1], "/error"), HasSubstr("1024 bytes"));
  EXPECT_EQ(at(lines[2], "/code"), "body_too_large");
  EXPECT_EQ(at(lines[3], "/line"), "4");
  EXPECT_EQ(at(lines[3], "/sequence"), "2");
  EXPECT_EQ(at(lines[4], "/code"), "body_too_large");
}

TEST_F(HttpLinesTest, TakesMoreThanAnyLimitOfABodyOrABatch) {
  ServerOptions options;
  options.body_bytes_max = 1'024;
  options.batch_events_max = 50;
  HttpHarness harness{options};
  auto client = client_of(harness);
  constexpr int count = 5'000;
  std::string body;
  for (int i = 0; i < count; ++i)
    body += event_json() + "\n";

  const auto lines = client.post(body);

  ASSERT_EQ(lines.size(), std::size_t{count});
  for (int i = 0; i < count; ++i)
    EXPECT_EQ(at(lines[static_cast<std::size_t>(i)], "/line"), std::to_string(i + 1));
  EXPECT_EQ(total(harness), std::to_string(count));
}

TEST_F(HttpLinesTest, StopsReadingAtItsBoundOfLinesInFlight) {
  ServerOptions options;
  options.batch_events_max = 10;
  HttpHarness harness{options};
  auto client = client_of(harness);
  harness.store.hold_commits();

  client.begin();
  std::string text;
  for (int i = 0; i < 25; ++i)
    text += event_json() + "\n";
  client.send_chunk(text);
  client.end();
  EXPECT_EQ(client.read_head().status, 200U);
  ASSERT_TRUE(harness.store.wait_for_held(10));
  // Behind whatever the stream might have published too much.
  EXPECT_EQ(harness.client()
                .request("POST", "/api/events", event_json("last"), "Prefer: respond-async\r\n")
                .at("/sequence"),
            "11");
  harness.store.release_commits();

  EXPECT_EQ(client.read_lines().size(), 25U);
}

TEST_F(HttpLinesTest, WaitsInsteadOfRefusingWhileTheQueueIsFull) {
  engine::Options engine;
  engine.queued_bytes_max = 16'384;
  HttpHarness harness{{}, engine, 1};
  auto client = client_of(harness);
  harness.store.hold_commits();
  constexpr int count = 300;
  std::string text;
  for (int i = 0; i < count; ++i)
    text += event_json() + "\n";

  client.begin();
  client.send_chunk(text);
  client.end();
  EXPECT_EQ(client.read_head().status, 200U);
  auto other = harness.client();
  while (other.request("POST", "/api/events", event_json(), "Prefer: respond-async\r\n").status !=
         503) {
  }
  harness.store.release_commits();
  const auto lines = client.read_lines();

  ASSERT_EQ(lines.size(), std::size_t{count});
  for (const auto& line : lines)
    EXPECT_NE(at(line, "/sequence"), "(none)") << line;
}

TEST_F(HttpLinesTest, WaitsInsteadOfRefusingWhileItsCallerOwesTokens) {
  ServerOptions options;
  options.limits.service_publish_rate = 10;
  options.limits.service_publish_burst = 1;
  HttpHarness harness{options};
  std::string batch = "[" + event_json();
  for (int i = 0; i < 30; ++i)
    batch += "," + event_json();
  batch += "]";
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(harness.client().request("POST", "/api/events/batch", batch).status, 201U);
  ASSERT_EQ(harness.client().request("POST", "/api/events", event_json()).status, 429U);

  const auto lines = client_of(harness).post(event_json("late") + "\n");

  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(at(lines[0], "/sequence"), "32");
  // The batch owed thirty tokens, and the line needs one: no clock gives them sooner.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds{3});
  // The stream waited, which is no refusal; the event before it was one.
  EXPECT_THAT(harness.client().get("/metrics").body,
              HasSubstr("\ncarillon_rejected_total{reason=\"publish_rate\"} 1\n"));
}

TEST_F(HttpLinesTest, SaysOfALineThatItIsALine) {
  HttpHarness harness;
  const auto lines = client_of(harness).post("\xEF\xBB\xBF" + event_json() + "\n{\n");

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(at(lines[0], "/error"),
            "The line is not valid JSON: a byte order mark (EF BB BF) stands before the text, at "
            "byte 0");
  EXPECT_THAT(at(lines[1], "/error"), StartsWith("The line is not valid JSON: "));
}

TEST_F(HttpLinesTest, StopsReadingIfItsResultsAreNotRead) {
  ServerOptions options;
  options.write_timeout = std::chrono::milliseconds{200};
  HttpHarness harness{options};
  LinesClient client{harness.port(), 4'096};
  const std::string bad(2'000, 'x');
  std::string text;
  for (int i = 0; i < 20; ++i)
    text += bad + "\n";

  client.begin();
  // Back-pressure ends in the timeout of a client that reads nothing.
  EXPECT_THROW(for (;;) client.send_chunk(text), std::runtime_error);
}

TEST_F(HttpLinesTest, AnswersAnEqualIdWithTheFirstEventsPlace) {
  HttpHarness harness;
  auto client = client_of(harness);

  const auto lines =
      client.post(with_id("first") + "\n" + event_json("other") + "\n" + with_id("second") + "\n");
  const auto again = client.post(with_id("third"));

  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(at(lines[0], "/id"), id_text);
  EXPECT_EQ(at(lines[0], "/duplicate"), "(none)");
  EXPECT_EQ(at(lines[2], "/id"), id_text);
  EXPECT_EQ(at(lines[2], "/sequence"), at(lines[0], "/sequence"));
  EXPECT_EQ(at(lines[2], "/duplicate"), "true");
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(at(again[0], "/sequence"), at(lines[0], "/sequence"));
  EXPECT_EQ(total(harness), "2");
}

TEST_F(HttpLinesTest, KeepsTheOrderBehindAnIdThatIsLookedUp) {
  HttpHarness harness;
  auto client = client_of(harness);
  harness.store.hold_reads();

  client.begin();
  client.send_chunk(with_id("a") + "\n");
  ASSERT_TRUE(harness.store.wait_for_reads(1));
  client.send_chunk(event_json("b") + "\n");
  client.end();
  harness.store.release_reads();
  EXPECT_EQ(client.read_head().status, 200U);
  const auto lines = client.read_lines();

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(at(lines[0], "/sequence"), "1");
  EXPECT_EQ(at(lines[1], "/sequence"), "2");
}

TEST_F(HttpLinesTest, SaysWhichLineCouldNotBeMadeDurable) {
  HttpHarness harness;
  auto client = client_of(harness);
  harness.store.fail_reads(engine::Errc::unavailable);

  const auto lines = client.post(event_json("a") + "\n" + with_id("b") + "\n" + event_json("c"));

  harness.store.fail_reads(std::nullopt);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_NE(at(lines[0], "/sequence"), "(none)");
  EXPECT_EQ(at(lines[1], "/line"), "2");
  EXPECT_EQ(at(lines[1], "/code"), "unavailable");
  EXPECT_NE(at(lines[2], "/sequence"), "(none)");
}

TEST_F(HttpLinesTest, KeepsOwnersApartAndInOrder) {
  HttpHarness harness;
  auto client = client_of(harness);
  std::string body;
  constexpr std::size_t count = 200;
  for (std::size_t i = 0; i < count; ++i)
    body += event_json(std::to_string(i),
                       ",\"owner\":\"" +
                           engine::to_string(testing::user(static_cast<std::uint8_t>(i % 7 + 1))) +
                           "\"") +
            "\n";

  const auto lines = client.post(body);

  ASSERT_EQ(lines.size(), count);
  std::vector<std::uint64_t> last(8);
  for (std::size_t i = 0; i < count; ++i) {
    const auto sequence = std::stoull(at(lines[i], "/sequence"));
    EXPECT_GT(sequence, last[i % 7]);
    last[i % 7] = sequence;
  }
}

TEST_F(HttpLinesTest, GoesOnWithTheNextRequestOnItsConnection) {
  HttpHarness harness;
  auto client = client_of(harness);
  const auto stream = HttpClient::text_of("POST", "/api/events/batch", event_json() + "\n",
                                          "Content-Type: application/x-ndjson\r\n");

  client.send(HttpClient::text_of("GET", "/healthz") + stream + stream +
              HttpClient::text_of("GET", "/readyz"));

  EXPECT_EQ(client.read_answer().status, 200U);
  for (int i = 1; i <= 2; ++i) {
    EXPECT_EQ(client.read_head().status, 200U);
    EXPECT_EQ(client.read_line().at("/sequence"), std::to_string(i));
    EXPECT_EQ(client.read_line().body, "");
  }
  EXPECT_EQ(client.read_answer().status, 200U);
  EXPECT_EQ(client.post(event_json()).size(), 1U);
}

TEST_F(HttpLinesTest, LetsAClientContinue) {
  HttpHarness harness;
  auto client = client_of(harness);

  client.begin("Expect: 100-continue\r\n");

  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 100 "));
  EXPECT_EQ(client.read_head().status, 200U);
  client.send_chunk(event_json());
  client.end();
  EXPECT_EQ(client.read_lines().size(), 1U);
}

TEST_F(HttpLinesTest, AnswersAnOldClientUpToTheEndOfTheConnection) {
  HttpHarness harness;
  auto client = client_of(harness);
  const auto body = event_json() + "\n{\n";

  client.send(
      "POST /api/events/batch HTTP/1.0\r\nContent-Type: application/x-ndjson\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);

  const auto head = client.read_head();
  EXPECT_EQ(head.header("Transfer-Encoding"), "");
  EXPECT_EQ(head.header("Connection"), "close");
  const auto rest = client.read_all();
  EXPECT_THAT(rest, StartsWith(R"({"line":1,"id":")"));
  EXPECT_THAT(rest, HasSubstr("\n{\"line\":2,\"error\":"));
  EXPECT_THAT(rest, ::testing::EndsWith("}\n"));
}

TEST_F(HttpLinesTest, RefusesTheWholeStreamBeforeItBegins) {
  HttpHarness harness;
  auto client = client_of(harness);

  const std::string_view ndjson = "Content-Type: application/x-ndjson\r\n";
  EXPECT_EQ(client.request("POST", "/api/events/batch?user=x", event_json(), ndjson).at("/code"),
            "invalid_query");
  EXPECT_EQ(client.request("POST", "/api/events/batch?%zz", event_json(), ndjson).status, 400U);
  EXPECT_EQ(client
                .request("POST", "/api/events/batch", event_json(),
                         std::string{ndjson} + "Accept: text/html\r\n")
                .status,
            406U);
  EXPECT_EQ(client.request("POST", "/api/events", event_json(), ndjson).status, 415U);
  EXPECT_EQ(client.post(event_json()).size(), 1U) << "the connection is as good as before";
}

}  // namespace
}  // namespace carillon::net
