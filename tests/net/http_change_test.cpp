#include "tests/net/http_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view unknown_id = "0193a0b0-0000-7000-8000-00000000ffff";
constexpr std::string_view read_body = R"({"status":"read"})";

class HttpChangeTest : public ::testing::Test {
 protected:
  std::string publish(std::string_view description = "x") {
    return client_.request("POST", "/api/events", event_json(description)).at("/id");
  }
  std::string status_of(const std::string& id) {
    return client_.get("/api/events/" + id).at("/status");
  }
  std::string cursor() { return client_.get("/api/events/list").at("/cursor"); }
  static std::string ids_body(std::string_view ids, std::string_view more = {}) {
    return "{\"ids\":[" + std::string{ids} + "]" + std::string{more} + "}";
  }
  static std::string quoted(std::string_view text) { return '"' + std::string{text} + '"'; }

  HttpHarness harness_;
  HttpClient client_ = harness_.client();
};

TEST_F(HttpChangeTest, MarksOneEventInTheShapeOfEachFamily) {
  const auto first = publish();
  const auto second = publish();

  const auto schema = client_.request("PUT", "/api/events/" + first + "/status", read_body);
  const auto meshery = client_.request("PUT", "/api/system/events/status/" + second, read_body);

  EXPECT_EQ(schema.status, 200U);
  EXPECT_EQ(schema.at("/eventId"), first);
  EXPECT_EQ(schema.at("/status"), "read");
  EXPECT_NE(schema.at("/message"), "(none)");
  EXPECT_EQ(meshery.status, 200U);
  EXPECT_EQ(meshery.body, "");
  EXPECT_EQ(status_of(first), "read");
  EXPECT_EQ(status_of(second), "read");
}

TEST_F(HttpChangeTest, TellsTheSchemaFamilyAboutAMissingEvent) {
  const std::string id{unknown_id};

  const auto marked = client_.request("PUT", "/api/events/" + id + "/status", read_body);
  const auto deleted = client_.request("DELETE", "/api/events/" + id);
  const auto meshery_marked = client_.request("PUT", "/api/system/events/status/" + id, read_body);
  const auto meshery_deleted = client_.request("DELETE", "/api/system/events/" + id);

  EXPECT_EQ(marked.status, 404U);
  EXPECT_EQ(marked.at("/code"), "not_found");
  EXPECT_EQ(deleted.status, 404U);
  EXPECT_EQ(meshery_marked.status, 200U);
  EXPECT_EQ(meshery_deleted.status, 204U);
}

TEST_F(HttpChangeTest, DeletesOneEventInBothFamilies) {
  for (const std::string family : {"/api/events/", "/api/system/events/"}) {
    const auto id = publish();

    const auto answer = client_.request("DELETE", family + id);

    EXPECT_EQ(answer.status, 204U);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.header("Content-Length"), "");
    EXPECT_EQ(client_.get(family + id).status, 404U);
  }
}

TEST_F(HttpChangeTest, LeavesAnotherUsersEventAlone) {
  const auto id = publish();
  const auto other = "?user=" + engine::to_string(testing::user(9));

  EXPECT_EQ(client_.request("PUT", "/api/events/" + id + "/status" + other, read_body).status,
            404U);
  EXPECT_EQ(client_.request("DELETE", "/api/events/" + id + other).status, 404U);
  EXPECT_EQ(status_of(id), "unread");
}

TEST_F(HttpChangeTest, MarksSeveralEvents) {
  const auto first = publish();
  const auto second = publish();
  const auto both = ids_body(quoted(first) + "," + quoted(unknown_id) + "," + quoted(second),
                             R"(,"status":"read")");

  const auto schema = client_.request("PUT", "/api/events/status", both);
  const auto meshery = client_.request("PUT", "/api/system/events/status/bulk", both);

  EXPECT_EQ(schema.status, 200U);
  EXPECT_EQ(schema.at("/updated"), "[" + quoted(first) + "," + quoted(second) + "]");
  EXPECT_EQ(meshery.status, 200U);
  EXPECT_EQ(meshery.body, "");
}

TEST_F(HttpChangeTest, DeletesSeveralEventsByEachPath) {
  const auto first = publish();
  const auto second = publish();
  const auto third = publish();

  const auto post = client_.request("POST", "/api/events/delete", ids_body(quoted(first)));
  const auto remove = client_.request("DELETE", "/api/events", ids_body(quoted(second)));
  const auto meshery =
      client_.request("DELETE", "/api/system/events/bulk", ids_body(quoted(third)));

  EXPECT_EQ(post.body, R"({"deleted":[)" + quoted(first) + "]}");
  EXPECT_EQ(remove.body, R"({"deleted":[)" + quoted(second) + "]}");
  EXPECT_EQ(meshery.status, 204U);
  EXPECT_EQ(client_.get("/api/events/list").at("/totalCount"), "0");
}

TEST_F(HttpChangeTest, ChangesWhatAFilterLetsThroughUpToACursor) {
  const auto seen = publish("wanted");
  const auto dull = publish("dull");
  const auto up_to = cursor();
  const auto later = publish("wanted");

  const auto answer = client_.request(
      "PUT", "/api/events/status",
      R"({"filter":{"search":"wanted","category":["pattern"]},"status":"read","upTo":")" + up_to +
          "\"}");

  EXPECT_EQ(answer.at("/updated"), "[" + quoted(seen) + "]");
  EXPECT_EQ(status_of(dull), "unread");
  EXPECT_EQ(status_of(later), "unread");
}

// To the engine a change without ids means "all": nothing may come of none.
TEST_F(HttpChangeTest, ChangesNothingForAnEmptyListOfIds) {
  const auto id = publish();

  EXPECT_EQ(client_.request("POST", "/api/events/delete", R"({"ids":[]})").body,
            R"({"deleted":[]})");
  EXPECT_EQ(client_.request("PUT", "/api/events/status", R"({"ids":[],"status":"read"})").body,
            R"({"updated":[]})");
  EXPECT_EQ(client_.request("DELETE", "/api/system/events/bulk", R"({"ids":[]})").status, 204U);
  EXPECT_EQ(status_of(id), "unread");
}

struct BadBody {
  std::string body;
  std::string field;
  std::string code = "invalid_body";
};

TEST_F(HttpChangeTest, RefusesABadBodyAndChangesNothing) {
  const auto id = publish();
  const auto up_to = cursor();
  const auto stale = engine::to_string(engine::Cursor{.epoch = 1, .position = {}});
  const auto filtered = [&](const std::string& filter) {
    return R"({"status":"read","upTo":")" + up_to + R"(","filter":)" + filter + "}";
  };

  for (const auto& bad : std::vector<BadBody>{
           {"{", "body", "malformed_json"},
           {"[]", "body"},
           {R"({"status":"read"})", "ids"},
           {R"({"ids":"all","status":"read"})", "ids"},
           {R"({"ids":["x"],"status":"read"})", "ids[0]"},
           {R"({"ids":[7],"status":"read"})", "ids[0]"},
           {ids_body(quoted(id)), "status"},
           {ids_body(quoted(id), R"(,"status":"done")"), "status"},
           {ids_body(quoted(id), R"(,"status":1)"), "status"},
           {ids_body(quoted(id), R"(,"status":"read","filter":{},"upTo":")" + up_to + "\""),
            "filter"},
           {R"({"filter":{},"status":"read"})", "upTo"},
           {R"({"filter":{},"status":"read","upTo":"x"})", "upTo", "invalid_cursor"},
           {R"({"filter":{},"status":"read","upTo":")" + stale + "\"}", "upTo", "stale_cursor"},
           {ids_body(quoted(id), R"(,"status":"read","status":"unread")"), "status"},
           {ids_body(quoted(id), R"(,"status":"read","ids":[])"), "ids"},
           {filtered(R"({"search":"x","search":"y"})"), "filter.search"},
           {"\xEF\xBB\xBF{}", "body", "malformed_json"},
           {filtered("7"), "filter"},
           {filtered(R"({"catgory":"x"})"), "filter.catgory"},
           {filtered(R"({"severity":["loud"]})"), "filter.severity"},
           {filtered(R"({"severity":[1]})"), "filter.severity"},
           {filtered(R"({"category":[]})"), "filter.category"},
           {filtered(R"({"search":["x"]})"), "filter.search"},
           {filtered(R"({"search":""})"), "filter.search"},
           {filtered(R"({"category":"x","category":"y"})"), "filter.category"},
           {filtered(R"({"status":"read","status":"read"})"), "filter.status"},
           {filtered(R"({"category":"x"},"filter":{"category":"y"})"), "filter"},
           {filtered(R"({"category":"x"},"upTo":")" + up_to + "\""), "upTo"},
           {filtered(R"({"category":"x"},"status":"read")"), "status"},
           {ids_body(quoted(id), R"(,"status":"read","ids":[])"), "ids"},
           {filtered(R"({"from":"noon"})"), "filter.from"}}) {
    const auto answer = client_.request("PUT", "/api/events/status", bad.body);
    EXPECT_EQ(answer.status, 400U) << bad.body;
    EXPECT_EQ(answer.at("/code"), bad.code) << bad.body;
    EXPECT_THAT(answer.at("/details"), HasSubstr("\"field\":" + quoted(bad.field))) << bad.body;
  }
  EXPECT_EQ(status_of(id), "unread");
}

}  // namespace
}  // namespace carillon::net
