#include "tests/net/http_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr std::string_view id_text = "0193a0b0-0000-7000-8000-000000000001";

std::string with_id(std::string_view description) {
  return event_json(description, ",\"id\":\"" + std::string{id_text} + "\"");
}

std::string batch_of(const std::vector<std::string>& events) {
  std::string body = "[";
  for (const auto& event : events) {
    if (body.size() > 1) body += ',';
    body += event;
  }
  return body + "]";
}

std::string place(std::size_t index, std::string_view member) {
  return "/events/" + std::to_string(index) + "/" + std::string{member};
}

class HttpBatchTest : public ::testing::Test {
 protected:
  static HttpAnswer post(HttpClient& client, std::string_view body, std::string_view headers = {}) {
    return client.request("POST", "/api/events/batch", body, headers);
  }
  static void expect_empty_inbox(HttpClient& client) {
    EXPECT_EQ(client.get("/api/events/list").at("/totalCount"), "0");
  }
};

TEST_F(HttpBatchTest, AnswersIdsAndSequencesInTheOrderOfTheArray) {
  HttpHarness harness;
  auto client = harness.client();

  for (const auto* path : {"/api/events/batch", "/api/system/events/batch"}) {
    const auto answer = client.request(
        "POST", path,
        " [ " + event_json("a") + " ,\n" + event_json("b") + "," + event_json("c") + " ] ");

    ASSERT_EQ(answer.status, 201U) << answer.body;
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    const std::vector<std::string> texts{"a", "b", "c"};
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto stored = client.get("/api/events/" + answer.at(place(i, "id")));
      EXPECT_EQ(stored.at("/description"), texts[i]);
      EXPECT_EQ(stored.at("/sequence"), answer.at(place(i, "sequence")));
    }
    EXPECT_EQ(answer.at("/events/3"), "(none)");
  }
}

TEST_F(HttpBatchTest, KeepsTheOrderOfTheArrayAcrossOwnersAndShards) {
  HttpHarness harness;
  auto client = harness.client();
  std::vector<std::string> events;
  for (std::uint8_t number = 1; number <= 40; ++number)
    events.push_back(
        event_json(std::to_string(number),
                   ",\"owner\":\"" + engine::to_string(testing::user(number % 7 + 1)) + "\""));
  events.push_back(event_json("41", R"(,"audience":"everyone")"));

  const auto answer = post(client, batch_of(events));

  ASSERT_EQ(answer.status, 201U) << answer.body;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto number = i + 1;
    const auto user =
        number == 41 ? testing::user(1) : testing::user(static_cast<std::uint8_t>(number % 7 + 1));
    const auto stored =
        client.get("/api/events/" + answer.at(place(i, "id")) + "?user=" + engine::to_string(user));
    ASSERT_EQ(stored.at("/description"), std::to_string(number));
    ASSERT_EQ(stored.at("/sequence"), answer.at(place(i, "sequence")));
  }
}

TEST_F(HttpBatchTest, AnswersOnlyAfterTheCommitAndInTheOrderOfTheRequests) {
  HttpHarness harness;
  auto client = harness.client();
  harness.store.hold_commits();

  client.send(HttpClient::text_of("POST", "/api/events/batch",
                                  batch_of({event_json("a"), event_json("b")})) +
              HttpClient::text_of("GET", "/healthz") +
              HttpClient::text_of("POST", "/api/events", event_json("c")));
  ASSERT_TRUE(harness.store.wait_for_held(1));
  harness.store.release_commits();

  const auto batch = client.read_answer();
  EXPECT_EQ(batch.status, 201U);
  EXPECT_EQ(batch.at("/events/1/sequence"), "2");
  EXPECT_EQ(client.read_answer().status, 200U);
  EXPECT_EQ(client.read_answer().at("/sequence"), "3");
}

TEST_F(HttpBatchTest, AnswersBeforeTheCommitIfAsked) {
  HttpHarness harness;
  auto client = harness.client();
  harness.store.hold_commits();

  const auto answer =
      post(client, batch_of({event_json("a"), event_json("b")}), "Prefer: respond-async\r\n");

  EXPECT_EQ(answer.status, 202U);
  EXPECT_EQ(answer.header("Preference-Applied"), "respond-async");
  EXPECT_EQ(answer.at("/events/0/sequence"), "1");
  EXPECT_EQ(answer.at("/events/1/sequence"), "2");
  harness.store.release_commits();
}

TEST_F(HttpBatchTest, AnswersEqualIdsWithTheFirstEventsPlace) {
  HttpHarness harness;
  auto client = harness.client();
  const auto body = batch_of({with_id("first"), event_json("other"), with_id("second")});

  const auto answer = post(client, body);
  const auto again = post(client, batch_of({with_id("third")}));

  ASSERT_EQ(answer.status, 201U) << answer.body;
  EXPECT_EQ(answer.at("/events/0/id"), id_text);
  EXPECT_EQ(answer.at("/events/2/id"), id_text);
  EXPECT_EQ(answer.at("/events/2/sequence"), answer.at("/events/0/sequence"));
  EXPECT_NE(answer.at("/events/1/sequence"), answer.at("/events/0/sequence"));
  EXPECT_EQ(again.at("/events/0/sequence"), answer.at("/events/0/sequence"));
  EXPECT_EQ(client.get("/api/events/list").at("/totalCount"), "2");
  EXPECT_EQ(client.get("/api/events/" + std::string{id_text}).at("/description"), "first");
}

TEST_F(HttpBatchTest, KeepsAPublishersOrderBehindABatchWithAnIdOfItsOwn) {
  HttpHarness harness;
  auto client = harness.client();

  client.send(HttpClient::text_of("POST", "/api/events/batch", batch_of({with_id("a")})) +
              HttpClient::text_of("POST", "/api/events", event_json("b")));

  EXPECT_EQ(client.read_answer().at("/events/0/sequence"), "1");
  EXPECT_EQ(client.read_answer().at("/sequence"), "2");
}

TEST_F(HttpBatchTest, NamesTheIndexOfEveryFaultAndKeepsNothing) {
  HttpHarness harness;
  auto client = harness.client();
  const auto body = batch_of({event_json("0"), R"({"category":"pattern","severity":"loud"})",
                              event_json("2"), "7", event_json("4", R"(,"id":"x")")});

  const auto answer = post(client, body);

  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(answer.at("/code"), "invalid_event");
  std::vector<std::string> fields;
  for (int i = 0; answer.at("/details/" + std::to_string(i)) != "(none)"; ++i)
    fields.push_back(answer.at("/details/" + std::to_string(i) + "/field"));
  EXPECT_THAT(fields, ::testing::ElementsAre("[1].action", "[1].severity", "[3]", "[4].id"));
  EXPECT_THAT(answer.at("/error"), HasSubstr("[1].action"));
  expect_empty_inbox(client);
}

TEST_F(HttpBatchTest, NamesTheIndexOfWhatIsNotJson) {
  HttpHarness harness;
  auto client = harness.client();
  const auto good = event_json();
  struct Case {
    std::string body;
    std::string field;
  };
  for (const auto& [body, field] :
       {Case{"[" + good + ",{\"a\":}]", "[1]"}, Case{"[" + good + "," + good, "[1]"},
        Case{"[" + good + ",]", "[1]"}, Case{"[" + good + "]x", "[1]"},
        Case{"[" + good + " " + good + "]", "[0]"}, Case{"[,]", "[0]"},
        Case{"[" + good + ",{\"a\":1]]", "[1]"}, Case{"[" + good + "}]", "[0]"},
        Case{"[\"\xff\"]", "[0]"}, Case{"[" + good + ",\"\\", "[1]"}, Case{"[]x", "[0]"}}) {
    const auto answer = post(client, body);
    EXPECT_EQ(answer.status, 400U) << body;
    EXPECT_EQ(answer.at("/code"), "malformed_json") << body;
    EXPECT_EQ(answer.at("/details/0/field"), field) << answer.body;
  }
  expect_empty_inbox(client);
  EXPECT_EQ(post(client, batch_of({good})).status, 201U);
}

TEST_F(HttpBatchTest, TakesStringsForWhatTheyAre) {
  HttpHarness harness;
  auto client = harness.client();
  const std::vector<std::string> texts{R"(],[)", R"(\",\"])", R"(\\)", R"(\\\"}])", ""};
  std::vector<std::string> events;
  for (const auto& text : texts)
    events.push_back(event_json(text));

  const auto answer = post(client, batch_of(events));

  ASSERT_EQ(answer.status, 201U) << answer.body;
  EXPECT_EQ(answer.at("/events/4/sequence"), "5");
  EXPECT_EQ(client.get("/api/events/" + answer.at("/events/1/id")).at("/description"), "\",\"]");
}

TEST_F(HttpBatchTest, RefusesWhatIsNoArrayOfEvents) {
  HttpHarness harness;
  auto client = harness.client();

  for (const std::string_view body : {"[]", " [ ] ", "{}", "1", "\"text\"", "null"}) {
    const auto answer = post(client, body);
    EXPECT_EQ(answer.status, 400U) << body;
    EXPECT_EQ(answer.at("/code"), "invalid_body") << body;
  }
  for (const std::string_view body : {"", "{", "nope", "\xff"}) {
    const auto answer = post(client, body);
    EXPECT_EQ(answer.status, 400U) << body;
    EXPECT_EQ(answer.at("/code"), "malformed_json") << body;
  }
  EXPECT_EQ(post(client, "[" + event_json() + "]", "Content-Type: text/plain\r\n").status, 415U);
}

TEST_F(HttpBatchTest, ListsAHundredFaultsOfVeryMany) {
  HttpHarness harness;
  auto client = harness.client();

  const auto answer = post(client, batch_of(std::vector<std::string>(1'000, "{}")));

  EXPECT_EQ(answer.status, 400U);
  EXPECT_NE(answer.at("/details/99"), "(none)");
  EXPECT_EQ(answer.at("/details/110"), "(none)");
  EXPECT_THAT(answer.at("/error"), HasSubstr("many more"));
}

TEST_F(HttpBatchTest, TakesAsManyEventsAsAllowedAndNoMore) {
  ServerOptions options;
  options.batch_events_max = 3;
  HttpHarness harness{options};
  auto client = harness.client();

  const auto refused = post(client, batch_of(std::vector<std::string>(4, event_json())));

  EXPECT_EQ(refused.status, 413U);
  EXPECT_EQ(refused.at("/code"), "body_too_large");
  EXPECT_EQ(refused.at("/details/0/error"), "holds 4 events; a batch has at most 3");
  expect_empty_inbox(client);
  EXPECT_EQ(post(client, batch_of(std::vector<std::string>(3, event_json()))).status, 201U);
}

TEST_F(HttpBatchTest, RefusesAnEventOrABodyOverItsLimit) {
  ServerOptions options;
  options.event_bytes_max = 1'024;
  options.body_bytes_max = 4'096;
  HttpHarness harness{options};
  auto client = harness.client();
  const std::string half(500, 'x');
  const std::string large(1'024, 'x');

  const auto event = post(client, batch_of({event_json("a"), event_json(large)}));
  const auto body = post(client, batch_of(std::vector<std::string>(8, event_json(half))));

  EXPECT_EQ(event.status, 413U);
  EXPECT_EQ(event.at("/details/0/field"), "[1]");
  EXPECT_THAT(event.at("/error"), HasSubstr("1024 bytes"));
  EXPECT_EQ(body.status, 413U);
  EXPECT_EQ(body.at("/code"), "body_too_large");
  expect_empty_inbox(client);
  EXPECT_EQ(post(client, batch_of(std::vector<std::string>(4, event_json(half)))).status, 201U)
      << "each below the limit of an event, together above it";
}

TEST_F(HttpBatchTest, PublishesTenThousandEvents) {
  HttpHarness harness;
  auto client = harness.client();
  const std::string least = R"({"category":"a","action":"b","severity":"info"})";

  const auto answer = post(client, batch_of(std::vector<std::string>(10'000, least)));

  ASSERT_EQ(answer.status, 201U);
  EXPECT_EQ(answer.at("/events/0/sequence"), "1");
  EXPECT_EQ(answer.at("/events/9999/sequence"), "10000");
  EXPECT_EQ(client.get("/api/events/list").at("/totalCount"), "10000");
}

TEST_F(HttpBatchTest, RefusesAllWithRetryAfterWhenTheQueueIsFull) {
  engine::Options engine;
  engine.queued_bytes_max = 16'384;
  HttpHarness harness{{}, engine};
  auto client = harness.client();
  harness.store.hold_commits();
  const auto body = batch_of(std::vector<std::string>(10, event_json()));

  HttpAnswer answer;
  int accepted = 0;
  for (int i = 0; i < 1'000; ++i) {
    answer = post(client, body, "Prefer: respond-async\r\n");
    if (answer.status != 202) break;
    ++accepted;
  }

  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(answer.at("/code"), "overloaded");
  EXPECT_THAT(answer.header("Retry-After"), MatchesRegex("[0-9]+"));
  harness.store.release_commits();
  // Durable behind all of it.
  while (client.request("POST", "/api/events", event_json()).status == 503) {
  }
  EXPECT_EQ(client.get("/api/events/list").at("/totalCount"), std::to_string(accepted * 10 + 1));
}

TEST_F(HttpBatchTest, SaysWhatWasKeptIfOnlyAPartCouldBeMadeDurable) {
  HttpHarness harness;
  auto client = harness.client();
  harness.store.fail_reads(engine::Errc::unavailable);

  const auto none = post(client, batch_of({with_id("a")}));
  const auto part = post(client, batch_of({with_id("a"), event_json("b")}));

  EXPECT_EQ(none.status, 503U);
  EXPECT_EQ(none.at("/code"), "unavailable");
  EXPECT_THAT(none.at("/error"), HasSubstr("nothing was kept"));
  EXPECT_EQ(part.status, 503U);
  EXPECT_THAT(part.at("/error"), HasSubstr("the rest was kept"));
  harness.store.fail_reads(std::nullopt);
}

TEST_F(HttpBatchTest, LeavesNothingBehindIfItsClientVanishes) {
  HttpHarness harness;
  harness.store.hold_commits();
  {
    auto gone = harness.client();
    gone.send(HttpClient::text_of("POST", "/api/events/batch",
                                  batch_of(std::vector<std::string>(100, event_json()))));
    ASSERT_TRUE(harness.store.wait_for_held(1));
  }
  harness.store.release_commits();
  auto client = harness.client();

  EXPECT_EQ(post(client, batch_of({event_json("b")})).at("/events/0/sequence"), "101");
}

}  // namespace
}  // namespace carillon::net
