#include "tests/net/http_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(HttpRoutesTest, AnswersAnUnknownPath) {
  HttpHarness harness;
  auto client = harness.client();

  for (const auto* path : {"/", "/api", "/api/event", "/api/events/nope", "/api/events/list/x",
                           "/api/system/events/status", "/api/events/", "*"}) {
    const auto answer = client.get(path);
    EXPECT_EQ(answer.status, 404U) << path;
    EXPECT_EQ(answer.at("/code"), "not_found") << path;
    EXPECT_EQ(answer.at("/details"), "[]") << path;
  }
}

TEST(HttpRoutesTest, NamesTheMethodsOfAPathWithoutThatOne) {
  HttpHarness harness;
  auto client = harness.client();

  const auto put = client.request("PUT", "/api/events");
  const auto patch = client.request("PATCH", "/api/system/events/config");
  const auto post = client.request("POST", "/healthz");

  EXPECT_EQ(put.status, 405U);
  EXPECT_EQ(put.at("/code"), "method_not_allowed");
  EXPECT_EQ(put.header("Allow"), "GET, HEAD, POST, DELETE");
  EXPECT_EQ(patch.header("Allow"), "GET, HEAD, PUT");
  EXPECT_EQ(post.header("Allow"), "GET, HEAD");
}

TEST(HttpRoutesTest, AnswersOptionsWithTheMethods) {
  HttpHarness harness;

  const auto answer = harness.client().request("OPTIONS", "/api/events/list");

  EXPECT_EQ(answer.status, 204U);
  EXPECT_EQ(answer.header("Allow"), "GET, HEAD");
}

TEST(HttpRoutesTest, AnswersHeadAsGetWithoutTheBody) {
  HttpHarness harness;
  auto client = harness.client();

  const auto get = client.get("/api/events/list");
  const auto head = client.request("HEAD", "/api/events/list");

  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.header("Content-Length"), std::to_string(get.body.size()));
  EXPECT_EQ(client.get("/healthz").status, 200U);
}

TEST(HttpRoutesTest, RefusesIfNothingThatItHasIsAcceptable) {
  HttpHarness harness;
  auto client = harness.client();

  for (const auto* accept : {"text/html", "application/json;q=0", "application/json;q=0, */*"}) {
    const auto answer = client.get("/api/events/list", "Accept: " + std::string{accept} + "\r\n");
    EXPECT_EQ(answer.status, 406U) << accept;
    EXPECT_EQ(answer.at("/code"), "not_acceptable");
  }
  for (const auto* accept : {"*/*", "application/*", "text/html, application/json;q=0.1"})
    EXPECT_EQ(client.get("/api/events/list", "Accept: " + std::string{accept} + "\r\n").status,
              200U)
        << accept;
  EXPECT_EQ(client.get("/api/events/subscribe", "Accept: application/json\r\n").status, 406U);
}

TEST(HttpRoutesTest, ListsInTheShapeOfEachFamily) {
  HttpHarness harness;
  auto client = harness.client();
  const auto sent = client.request("POST", "/api/events", event_json());

  const auto schema = client.get("/api/events/list");
  const auto meshery = client.get("/api/system/events");

  EXPECT_EQ(schema.status, 200U);
  EXPECT_THAT(schema.body,
              MatchesRegex(R"(\{"page":0,"pageSize":25,"totalCount":1,"readCount":0,)"
                           R"("countBySeverityLevel":\[\{"severity":"success","count":1\}\],)"
                           R"("data":\[\{.*\}\],"cursor":"[A-Za-z0-9_-]{32}"\})"));
  EXPECT_EQ("[" + sent.body + "]", schema.at("/data"));
  EXPECT_EQ(meshery.at("/events"), schema.at("/data"));
  EXPECT_EQ(meshery.at("/data"), "(none)");
}

TEST(HttpRoutesTest, ListsAllEventsButNoMoreThanTheCap) {
  HttpHarness harness;
  auto client = harness.client();

  EXPECT_EQ(client.get("/api/system/events?pagesize=all").at("/pageSize"), "10000");
  EXPECT_EQ(client.get("/api/system/events?pagesize=99999").at("/pageSize"), "10000");
}

TEST(HttpRoutesTest, PagesByCursor) {
  HttpHarness harness;
  auto client = harness.client();
  for (const auto* name : {"a", "b", "c"})
    ASSERT_EQ(client.request("POST", "/api/events", event_json(name)).status, 201U);

  const auto newest = client.get("/api/events/list?pageSize=1&sort=created_at");
  const auto start =
      engine::to_string(engine::Cursor{.epoch = testing::ScriptedStore::epoch, .position = {}});
  const auto first = client.get("/api/events/list?limit=2&after=" + start);
  const auto second = client.get("/api/events/list?limit=2&after=" + first.at("/cursor"));

  EXPECT_EQ(newest.at("/data/0/description"), "c");
  EXPECT_EQ(first.at("/data/0/description"), "a");
  EXPECT_EQ(first.at("/data/1/description"), "b");
  EXPECT_EQ(second.at("/data/0/description"), "c");
  EXPECT_EQ(second.at("/data/1"), "(none)");
}

TEST(HttpRoutesTest, TellsAMangledCursorFromAnOutdatedOne) {
  HttpHarness harness;
  auto client = harness.client();
  const auto other = engine::to_string(engine::Cursor{.epoch = 1, .position = {}});

  const auto mangled = client.get("/api/events/list?after=abc");
  const auto outdated = client.get("/api/events/list?after=" + other);

  EXPECT_EQ(mangled.status, 400U);
  EXPECT_EQ(mangled.at("/code"), "invalid_cursor");
  EXPECT_EQ(outdated.status, 400U);
  EXPECT_EQ(outdated.at("/code"), "stale_cursor");
  EXPECT_EQ(outdated.at("/details/0/field"), "after");
}

TEST(HttpRoutesTest, NamesEveryBadParameterOfAList) {
  HttpHarness harness;

  const auto answer = harness.client().get(
      "/api/events/list?page=-1&pagesize=x&severity=loud&actedUpon=1&status=new&from=yesterday"
      "&sort=name&whatever=1");

  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(answer.at("/code"), "invalid_query");
  for (const auto* field : {"page", "pagesize", "severity", "actedUpon", "status", "from", "sort"})
    EXPECT_THAT(answer.at("/details"), HasSubstr("\"field\":\"" + std::string{field} + "\""));
  EXPECT_THAT(answer.body, Not(HasSubstr("whatever")));
}

TEST(HttpRoutesTest, RefusesABrokenEscape) {
  HttpHarness harness;
  auto client = harness.client();

  for (const auto* query : {"search=%zz", "search=%4", "search=%ff", "user=me"})
    EXPECT_EQ(client.get("/api/events/list?" + std::string{query}).at("/code"), "invalid_query")
        << query;
}

TEST(HttpRoutesTest, SumsUpAnInbox) {
  HttpHarness harness;
  auto client = harness.client();
  const auto id = client.request("POST", "/api/events", event_json()).at("/id");
  ASSERT_EQ(client
                .request("POST", "/api/events",
                         R"({"category":"audit","action":"login","severity":"debug"})")
                .status,
            201U);
  ASSERT_EQ(client.request("PUT", "/api/events/" + id + "/status", R"({"status":"read"})").status,
            200U);

  const auto answer = client.get("/api/events");

  EXPECT_EQ(answer.body,
            R"({"total":2,"byStatus":{"unread":1,"read":1},"bySeverity":{"alert":0,"critical":0,)"
            R"("debug":1,"emergency":0,"error":0,"informational":0,"success":1,"warning":0},)"
            R"("byCategory":{"audit":1,"pattern":1},"audit":1})");
}

TEST(HttpRoutesTest, ListsTheKindsInTheShapeOfEachFamily) {
  HttpHarness harness;
  auto client = harness.client();
  for (const auto* kind : {"b\",\"action\":\"y", "b\",\"action\":\"x", "a\",\"action\":\"x"})
    ASSERT_EQ(client
                  .request("POST", "/api/events",
                           R"({"category":")" + std::string{kind} + R"(","severity":"info"})")
                  .status,
              201U);

  EXPECT_EQ(client.get("/api/events/types").body,
            R"([{"category":"a","action":"x"},{"category":"b","action":"x"},)"
            R"({"category":"b","action":"y"}])");
  EXPECT_EQ(client.get("/api/system/events/types").body,
            R"({"category":["a","b"],"action":["x","y"]})");
}

TEST(HttpRoutesTest, GetsOneEventOfTheCallerOnly) {
  HttpHarness harness;
  auto client = harness.client();
  const auto sent = client.request("POST", "/api/events", event_json());
  const auto other = "?user=" + engine::to_string(testing::user(9));

  for (const std::string family : {"/api/events/", "/api/system/events/"}) {
    EXPECT_EQ(client.get(family + sent.at("/id")).body, sent.body);
    const auto foreign = client.get(family + sent.at("/id") + other);
    EXPECT_EQ(foreign.status, 404U);
    EXPECT_EQ(foreign.at("/code"), "not_found");
  }
}

TEST(HttpRoutesTest, AnswersUnavailableIfTheStoreCantRead) {
  HttpHarness harness;
  harness.store.fail_reads(engine::Errc::unavailable);
  auto client = harness.client();

  for (const auto* path : {"/api/events/list", "/api/events", "/api/events/types"}) {
    const auto answer = client.get(path);
    EXPECT_EQ(answer.status, 503U) << path;
    EXPECT_EQ(answer.at("/code"), "unavailable") << path;
    EXPECT_EQ(answer.header("Retry-After"), "1") << path;
  }
}

// Names the fault: damage was answered like overload, with the promise that a retry helps.
TEST(HttpRoutesTest, PromisesNothingOfARetryIfTheStoreIsDamaged) {
  HttpHarness harness;
  harness.store.fail_reads(engine::Errc::corrupt);
  auto client = harness.client();

  for (const auto* path : {"/api/events/list", "/api/events", "/api/events/types"}) {
    const auto answer = client.get(path);
    EXPECT_EQ(answer.status, 503U) << path;
    EXPECT_EQ(answer.at("/code"), "store_damaged") << path;
    EXPECT_THAT(answer.at("/error"), HasSubstr("restore a backup")) << path;
    EXPECT_EQ(answer.header("Retry-After"), "") << path;
  }
}

TEST(HttpRoutesTest, IsReadyButSaysWhatIsWrongWithAStoreThatTakesWrites) {
  HttpHarness harness;
  harness.store.set_health({.writable = true, .reason = "a \"block\" is damaged"});

  const auto ready = harness.client().get("/readyz");

  EXPECT_EQ(ready.status, 200U);
  EXPECT_EQ(ready.body, R"({"status":"ready","reason":"a \"block\" is damaged"})");
}

TEST(HttpRoutesTest, SaysWhetherItIsAliveAndReady) {
  HttpHarness harness;
  auto client = harness.client();
  EXPECT_EQ(client.get("/healthz").status, 200U);
  EXPECT_EQ(client.get("/readyz").body, R"({"status":"ready"})");

  harness.store.set_health({.writable = false, .reason = "disk full"});

  EXPECT_EQ(client.get("/healthz").status, 200U);
  const auto unwell = client.get("/readyz");
  EXPECT_EQ(unwell.status, 503U);
  EXPECT_THAT(unwell.at("/error"), HasSubstr("disk full"));
}

TEST(HttpRoutesTest, ShowsFiguresOfEveryPart) {
  ServerOptions options;
  options.more_metrics = [](std::vector<MetricSample>& samples) {
    samples.push_back({"carillon_store_commits_total", "Commits.", true, 5});
    samples.push_back({"carillon_store_batch_events_bucket", "Sizes.", true, 2, {{"le", "4"}}});
  };
  HttpHarness harness{options};
  auto client = harness.client();
  ASSERT_EQ(client.request("POST", "/api/events", event_json()).status, 201U);

  const auto answer = client.get("/metrics");

  EXPECT_EQ(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const auto* line :
       {"\ncarillon_events_accepted_total 1\n", "\ncarillon_http_connections 1\n",
        "\ncarillon_http_responses_total{class=\"2xx\"} 1\n", "\ncarillon_store_commits_total 5\n",
        "\ncarillon_store_batch_events_bucket{le=\"4\"} 2\n", "\ncarillon_sessions 0\n",
        "# TYPE carillon_http_received_bytes_total counter\n"})
    EXPECT_THAT(answer.body, HasSubstr(line));
}

TEST(HttpRoutesTest, ReadsAndChangesTheLogLevel) {
  std::string level = "info";
  ServerOptions options;
  options.log_level = {.get = [&] { return level; },
                       .set =
                           [&](const std::string& wanted) {
                             if (wanted != "debug" && wanted != "info") return false;
                             level = wanted;
                             return true;
                           },
                       .available = {"info", "debug"}};
  HttpHarness harness{options};
  auto client = harness.client();
  const std::string path = "/api/system/events/config";

  EXPECT_EQ(client.get(path).body,
            R"({"eventLogLevel":"info","availableLevels":["info","debug"]})");
  EXPECT_EQ(client.request("PUT", path, R"({"eventLogLevel":"DEBUG"})").body,
            R"({"eventLogLevel":"debug","availableLevels":["info","debug"]})");
  EXPECT_EQ(client.request("PUT", path, R"({"event_log_level":"info"})").status, 200U);
  const auto unknown = client.request("PUT", path, R"({"eventLogLevel":"loud"})");
  EXPECT_EQ(unknown.status, 400U);
  EXPECT_EQ(unknown.at("/details/0/field"), "eventLogLevel");
  EXPECT_EQ(client.request("PUT", path, R"({"eventLogLevel":7})").status, 400U);
}

}  // namespace
}  // namespace carillon::net
