#include "net/src/list_query.hpp"

#include "tests/support/events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr engine::Epoch epoch = 7;

struct Read {
  engine::ListQuery list;
  Faults faults;
};

Read read(std::string_view text) {
  Read result;
  const auto query = QueryString::parse(text);
  EXPECT_TRUE(query) << text;
  result.list = read_list_query(*query, testing::user(1), epoch, result.faults);
  return result;
}

TEST(ListQueryTest, AsksForTheNewestPageByDefault) {
  const auto [list, faults] = read("");

  EXPECT_FALSE(faults.any());
  EXPECT_EQ(list.page, 0U);
  EXPECT_EQ(list.page_size, 25U);
  EXPECT_EQ(list.sort, engine::SortKey::updated_at);
  EXPECT_TRUE(list.descending);
  EXPECT_TRUE(list.filter.matches_everything());
}

class ListQuerySpellingTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ListQuerySpellingTest, NamesTwoCategories) {
  const auto [list, faults] = read(GetParam());

  EXPECT_FALSE(faults.any());
  EXPECT_THAT(list.filter.categories, ElementsAre("a", "b"));
}

INSTANTIATE_TEST_SUITE_P(Spellings,
                         ListQuerySpellingTest,
                         ::testing::Values("category=a,b",
                                           "category=a%2Cb",
                                           "category=a&category=b",
                                           "category=+a+,,+b+",
                                           R"(category=["a","b"])",
                                           "category=%5B%22a%22%2C%20%22b%22%5D",
                                           R"(category=["a"]&category=b)"));

TEST(ListQueryTest, ReadsEveryFieldByEverySpelling) {
  const std::string id = engine::to_string(testing::user(5));
  for (const std::string name : {"actedUpon", "acted_upon"})
    EXPECT_THAT(read(name + "=" + id).list.filter.acted_upon, ElementsAre(testing::user(5)));
  for (const std::string name : {"systemId", "system_id"})
    EXPECT_THAT(read(name + "=" + id).list.filter.system_ids, ElementsAre(testing::user(5)));
  for (const std::string name : {"owner", "author"})
    EXPECT_THAT(read(name + "=" + id).list.filter.owners, ElementsAre(testing::user(5)));
  for (const std::string name : {"pagesize", "pageSize", "page_size", "limit"})
    EXPECT_EQ(read(name + "=7").list.page_size, 7U);

  const auto [list, faults] = read(
      "action=deploy&severity=ERROR,warn&status=read&search=a+b%26&page=3"
      "&from=2026-01-02&to=2026-01-02T03:04:05.5%2B01:00");
  EXPECT_FALSE(faults.any());
  EXPECT_THAT(list.filter.actions, ElementsAre("deploy"));
  EXPECT_THAT(list.filter.severities,
              ElementsAre(engine::Severity::error, engine::Severity::warning));
  EXPECT_EQ(list.filter.status, engine::Status::read);
  EXPECT_EQ(list.filter.search, "a b&");
  EXPECT_EQ(list.page, 3U);
  EXPECT_EQ(list.filter.from, engine::parse_timestamp("2026-01-02T00:00:00Z"));
  EXPECT_EQ(list.filter.to, engine::parse_timestamp("2026-01-02T02:04:05.5Z"));
}

TEST(ListQueryTest, ReadsTheOrderInEachForm) {
  const auto is = [](std::string_view text, engine::SortKey key, bool descending) {
    const auto [list, faults] = read(text);
    return !faults.any() && list.sort == key && list.descending == descending;
  };

  EXPECT_TRUE(is("sort=created_at", engine::SortKey::created_at, true));
  EXPECT_TRUE(is("sort=createdAt&order=asc", engine::SortKey::created_at, false));
  EXPECT_TRUE(is("sort=updatedAt&order=DESC", engine::SortKey::updated_at, true));
  EXPECT_TRUE(is("order=created_at+asc", engine::SortKey::created_at, false));
  EXPECT_TRUE(is("order=updated_at%20desc", engine::SortKey::updated_at, true));
  EXPECT_TRUE(is("sort=created_at+desc", engine::SortKey::created_at, true));
}

TEST(ListQueryTest, TakesEmptyParametersForNone) {
  const auto [list, faults] = read("page=&pagesize=&sort=&order=&search=&status=&category=&after=");

  EXPECT_FALSE(faults.any());
  EXPECT_TRUE(list.filter.matches_everything());
}

TEST(ListQueryTest, IgnoresParametersOfOthers) {
  EXPECT_FALSE(read("cumulative=true&user=x&_=1").faults.any());
}

class ListQueryFaultTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ListQueryFaultTest, IsNeverAWiderResult) {
  const auto [list, faults] = read(GetParam());

  EXPECT_EQ(faults.details.size(), 1U) << GetParam();
  EXPECT_EQ(faults.code, "invalid_query");
}

INSTANTIATE_TEST_SUITE_P(Values,
                         ListQueryFaultTest,
                         ::testing::Values("severity=loud",
                                           "severity=error,loud",
                                           R"(severity=["error")",
                                           R"(severity=["error",1])",
                                           R"(category=["a"]x)",
                                           "category=,",
                                           "actedUpon=1234",
                                           "status=both",
                                           "status=read&status=unread",
                                           "search=a&search=b",
                                           "from=today",
                                           "to=2026-13-01T00:00:00Z",
                                           "page=-1",
                                           "page=1.5",
                                           "page=99999999999999999999",
                                           "pagesize=0",
                                           "pagesize=many",
                                           "sort=name",
                                           "order=up"));

TEST(ListQueryTest, ReadsACursorInOneDirectionOnly) {
  const auto cursor =
      engine::to_string(engine::Cursor{.epoch = epoch, .position = {.user = 5, .broadcast = 6}});

  const auto after = read("after=" + cursor + "&limit=10");
  const auto both = read("after=" + cursor + "&before=" + cursor);

  ASSERT_TRUE(after.list.after);
  EXPECT_EQ(after.list.after->user, 5U);
  EXPECT_EQ(after.list.after->broadcast, 6U);
  EXPECT_EQ(after.list.page_size, 10U);
  EXPECT_TRUE(both.faults.any());
}

TEST(QueryStringTest, RefusesBrokenEscapesAndBadUtf8) {
  for (const auto* text : {"a=%", "a=%4", "a=%g0", "%", "a=%ff", "a=%c3%28"})
    EXPECT_FALSE(QueryString::parse(text)) << text;
  EXPECT_EQ(QueryString::parse("a=%C3%A4")->find("a"), "ä");
}

}  // namespace
}  // namespace carillon::net
