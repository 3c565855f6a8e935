#include "tests/net/http_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

constexpr std::string_view id_text = "0193a0b0-0000-7000-8000-000000000001";

TEST(HttpPublishTest, AnswersTheDurableEventWithItsPlace) {
  HttpHarness harness;
  auto client = harness.client();

  const auto answer = client.request("POST", "/api/events", event_json());

  EXPECT_EQ(answer.status, 201U);
  EXPECT_EQ(answer.header("Content-Type"), "application/json");
  EXPECT_EQ(answer.header("Location"), "/api/events/" + answer.at("/id"));
  EXPECT_EQ(answer.at("/owner"), engine::to_string(testing::user(1)));
  EXPECT_EQ(answer.at("/status"), "unread");
  EXPECT_EQ(answer.at("/sequence"), "1");
  EXPECT_EQ(client.get("/api/events/" + answer.at("/id")).body, answer.body);
}

TEST(HttpPublishTest, TakesTheExampleOfMesherysDocumentationVerbatim) {
  HttpHarness harness;
  auto client = harness.client();
  const std::string example =
      R"({"category":"client_event","action":"create","severity":"info",)"
      R"("description":"Client event creation","metadata":{"clientId":"c1","n":1.5}})";

  const auto answer = client.request("POST", "/api/events", example);

  EXPECT_EQ(answer.status, 201U);
  EXPECT_EQ(answer.at("/severity"), "informational");
  EXPECT_EQ(answer.at("/metadata"), R"({"clientId":"c1","n":1.5})");
}

TEST(HttpPublishTest, AnswersOnlyAfterTheCommit) {
  HttpHarness harness;
  auto client = harness.client();
  harness.store.hold_commits();

  client.send(HttpClient::text_of("POST", "/api/events", event_json()));
  ASSERT_TRUE(harness.store.wait_for_held(1));
  client.send(HttpClient::text_of("GET", "/healthz"));  // queues up behind it
  harness.store.release_commits();

  EXPECT_EQ(client.read_answer().status, 201U);
  EXPECT_EQ(client.read_answer().status, 200U);
}

TEST(HttpPublishTest, AnswersBeforeTheCommitIfAsked) {
  HttpHarness harness;
  auto client = harness.client();
  harness.store.hold_commits();

  const auto answer =
      client.request("POST", "/api/events", event_json(), "Prefer: respond-async\r\n");

  EXPECT_EQ(answer.status, 202U);
  EXPECT_EQ(answer.header("Preference-Applied"), "respond-async");
  EXPECT_EQ(answer.at("/sequence"), "1");
}

TEST(HttpPublishTest, AnswersAKnownIdWithTheFirstEvent) {
  HttpHarness harness;
  auto client = harness.client();
  const auto with_id = ",\"id\":\"" + std::string{id_text} + "\"";

  const auto first = client.request("POST", "/api/events", event_json("first", with_id));
  const auto second = client.request("POST", "/api/events", event_json("second", with_id));

  EXPECT_EQ(first.status, 201U);
  EXPECT_EQ(first.at("/id"), id_text);
  EXPECT_EQ(second.status, 200U);
  EXPECT_EQ(second.body, first.body);
}

TEST(HttpPublishTest, KeepsAPublishersOrderAroundAnIdOfItsOwn) {
  HttpHarness harness;
  auto client = harness.client();
  const auto with_id = ",\"id\":\"" + std::string{id_text} + "\"";

  client.send(HttpClient::text_of("POST", "/api/events", event_json("a", with_id)) +
              HttpClient::text_of("POST", "/api/events", event_json("b")));

  EXPECT_EQ(client.read_answer().at("/sequence"), "1");
  EXPECT_EQ(client.read_answer().at("/sequence"), "2");
}

TEST(HttpPublishTest, AnswersPipelinedPublishesInTheirOrder) {
  HttpHarness harness;
  auto client = harness.client();
  std::string requests;
  for (int i = 0; i < 500; ++i)
    requests += HttpClient::text_of("POST", "/api/events", event_json(std::to_string(i)));

  client.send(requests);

  for (int i = 0; i < 500; ++i) {
    const auto answer = client.read_answer();
    ASSERT_EQ(answer.status, 201U);
    ASSERT_EQ(answer.at("/description"), std::to_string(i));
    ASSERT_EQ(answer.at("/sequence"), std::to_string(i + 1));
  }
}

TEST(HttpPublishTest, UsesTheStatusOfTheOption) {
  ServerOptions options;
  options.publish_status = 200;
  HttpHarness harness{options};

  EXPECT_EQ(harness.client().request("POST", "/api/system/events", event_json()).status, 200U);
}

TEST(HttpPublishTest, GivesMesherysPathItsOwnLocation) {
  HttpHarness harness;

  const auto answer = harness.client().request("POST", "/api/system/events", event_json());

  EXPECT_EQ(answer.header("Location"), "/api/system/events/" + answer.at("/id"));
}

TEST(HttpPublishTest, PublishesForTheUserOfTheQueryOrTheHeader) {
  HttpHarness harness;
  auto client = harness.client();
  const auto bob = engine::to_string(testing::user(2));

  const auto by_query = client.request("POST", "/api/events?user=" + bob, event_json());
  const auto by_header =
      client.request("POST", "/api/events", event_json(), "X-User-Id: " + bob + "\r\n");

  EXPECT_EQ(by_query.at("/owner"), bob);
  EXPECT_EQ(by_header.at("/owner"), bob);
  EXPECT_EQ(client.get("/api/events/list").at("/totalCount"), "0");
  EXPECT_EQ(client.get("/api/events/list?user=" + bob).at("/totalCount"), "2");
}

TEST(HttpPublishTest, BroadcastsToEveryoneIfThatIsTheAudience) {
  HttpHarness harness;
  auto client = harness.client();

  const auto answer =
      client.request("POST", "/api/events", event_json("all", R"(,"audience":"everyone")"));

  EXPECT_EQ(answer.status, 201U);
  const auto carol = engine::to_string(testing::user(3));
  EXPECT_EQ(client.get("/api/events/list?user=" + carol).at("/data/0/description"), "all");
}

TEST(HttpPublishTest, NamesEveryFaultOfAnEventAtOnce) {
  HttpHarness harness;

  const auto answer = harness.client().request("POST", "/api/events",
                                               R"({"category":"Not Snake","severity":"loud"})");

  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(answer.at("/code"), "invalid_event");
  EXPECT_EQ(answer.header("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff");
  for (const auto* field :
       {R"("field":"category")", R"("field":"action")", R"("field":"severity")"})
    EXPECT_THAT(answer.body, HasSubstr(field));
}

TEST(HttpPublishTest, RefusesWhatIsNotJsonAndGoesOn) {
  HttpHarness harness;
  auto client = harness.client();

  for (const std::string_view body : {R"({"category":)", "hello", "\xff\xfe", "[]x"}) {
    const auto answer = client.request("POST", "/api/events", body);
    EXPECT_EQ(answer.status, 400U) << body;
    EXPECT_EQ(answer.at("/code"), "malformed_json") << body;
  }
  EXPECT_EQ(client.request("POST", "/api/events", event_json()).status, 201U);
}

TEST(HttpPublishTest, RefusesAnotherContentType) {
  HttpHarness harness;
  auto client = harness.client();

  const auto text =
      client.request("POST", "/api/events", event_json(), "Content-Type: text/plain\r\n");
  const auto with_charset = client.request("POST", "/api/events", event_json(),
                                           "Content-Type: Application/JSON; charset=utf-8\r\n");

  EXPECT_EQ(text.status, 415U);
  EXPECT_EQ(text.at("/code"), "unsupported_media_type");
  EXPECT_EQ(with_charset.status, 201U);
}

// Meshery's server publishes to its remote provider without a Content-Type.
TEST(HttpPublishTest, RefusesABodyWithAContentCoding) {
  HttpHarness harness;
  auto client = harness.client();

  const auto answer =
      client.request("POST", "/api/events", event_json(), "Content-Encoding: gzip\r\n");
  EXPECT_EQ(answer.status, 415U);
  EXPECT_EQ(answer.at("/code"), "unsupported_media_type");
  EXPECT_THAT(answer.at("/error"), HasSubstr("`gzip`"));
  EXPECT_EQ(answer.header("Accept-Encoding"), "identity");
  EXPECT_EQ(client
                .request("POST", "/api/events/batch", event_json() + "\n",
                         "Content-Encoding: br\r\nContent-Type: application/x-ndjson\r\n")
                .status,
            415U);
  EXPECT_EQ(
      client.request("POST", "/api/events", event_json(), "Content-Encoding: Identity\r\n").status,
      201U);
}

TEST(HttpPublishTest, RefusesACallerThatIsNamedTwice) {
  HttpHarness harness;
  auto client = harness.client();
  const auto one = engine::to_string(testing::user(1));
  const auto two = engine::to_string(testing::user(2));

  for (const auto& target :
       {"/api/events?user=" + one + "&user=" + two, "/api/events?user=" + one + "&user=" + one}) {
    const auto answer = client.request("POST", target, event_json());
    EXPECT_EQ(answer.status, 400U);
    EXPECT_EQ(answer.at("/code"), "invalid_query");
    EXPECT_EQ(answer.at("/details/0/field"), "user");
  }
  const auto answer = client.request("POST", "/api/events", event_json(),
                                     "X-User-Id: " + one + "\r\nX-User-Id: " + two + "\r\n");
  EXPECT_EQ(answer.at("/details/0/field"), "X-User-Id");
  EXPECT_EQ(client.request("POST", "/api/events?user=&user=" + one, event_json()).status, 201U);
}

TEST(HttpPublishTest, TakesAMissingContentTypeAsJsonUnlessAWebPageSentIt) {
  HttpHarness harness;
  auto client = harness.client();
  const auto body = event_json();
  const auto head =
      "POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n";

  client.send(head + "\r\n" + body);
  EXPECT_EQ(client.read_answer().status, 201U);

  client.send(head + "Origin: http://evil.example\r\n\r\n" + body);
  EXPECT_EQ(client.read_answer().status, 415U);
}

TEST(HttpPublishTest, RefusesWithRetryAfterWhenTheQueueIsFull) {
  engine::Options engine;
  engine.queued_bytes_max = 4096;
  engine.mailbox_bytes_max = 4096;
  HttpHarness harness{{}, engine};
  auto client = harness.client();
  harness.store.hold_commits();

  HttpAnswer answer;
  for (int i = 0; i < 1000 && answer.status != 503; ++i)
    answer = client.request("POST", "/api/events", event_json(), "Prefer: respond-async\r\n");

  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(answer.at("/code"), "overloaded");
  EXPECT_THAT(answer.header("Retry-After"), MatchesRegex("[0-9]+"));
  harness.store.release_commits();
}

TEST(HttpPublishTest, AnswersUnavailableIfAnIdCantBeLookedUp) {
  HttpHarness harness;
  harness.store.fail_reads(engine::Errc::unavailable);

  const auto answer = harness.client().request(
      "POST", "/api/events", event_json("x", ",\"id\":\"" + std::string{id_text} + "\""));

  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(answer.at("/code"), "unavailable");
  EXPECT_EQ(answer.header("Retry-After"), "1");
}

}  // namespace
}  // namespace carillon::net
