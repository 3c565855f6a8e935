#include "carillon/engine/filter.hpp"

#include "carillon/engine/event_parser.hpp"

#include <gtest/gtest.h>

#include <string>

namespace carillon::engine {
namespace {

Uuid uuid(std::uint8_t number) {
  Uuid out;
  out.bytes[0] = number;
  return out;
}

Timestamp at(int micros) {
  return Timestamp{std::chrono::microseconds{micros}};
}

class FilterTest : public ::testing::Test {
 protected:
  FilterTest() {
    event_.owner = uuid(1);
    event_.acted_upon = uuid(2);
    event_.system_id = uuid(3);
    event_.category = "pattern";
    event_.action = "deploy";
    event_.severity = Severity::error;
    event_.description_json = "Deployed Caf\\u00e9 \\\"A\\\"";
    event_.created_at = at(1'000);
  }
  [[nodiscard]] bool matches(const Filter& filter) const {
    return filter.matches(event_, Status::unread);
  }

  EventView event_;
};

TEST_F(FilterTest, MatchesEverythingIfItAsksNothing) {
  EXPECT_TRUE(Filter{}.matches_everything());
  EXPECT_TRUE(matches({}));
}

TEST_F(FilterTest, AdmitsThatItAsksForSomethingWhateverTheField) {
  EXPECT_FALSE(Filter{.categories = {"a"}}.matches_everything());
  EXPECT_FALSE(Filter{.actions = {"a"}}.matches_everything());
  EXPECT_FALSE(Filter{.severities = {Severity::debug}}.matches_everything());
  EXPECT_FALSE(Filter{.acted_upon = {Uuid{}}}.matches_everything());
  EXPECT_FALSE(Filter{.system_ids = {Uuid{}}}.matches_everything());
  EXPECT_FALSE(Filter{.owners = {Uuid{}}}.matches_everything());
  EXPECT_FALSE(Filter{.status = Status::unread}.matches_everything());
  EXPECT_FALSE(Filter{.search = "a"}.matches_everything());
  EXPECT_FALSE(Filter{.from = Timestamp{}}.matches_everything());
  EXPECT_FALSE(Filter{.to = Timestamp{}}.matches_everything());
}

TEST_F(FilterTest, TakesAnyOneValueOfAField) {
  EXPECT_TRUE(matches({.categories = {"mesh", "pattern"}}));
  EXPECT_TRUE(matches({.actions = {"deploy", "undeploy"}}));
  EXPECT_TRUE(matches({.severities = {Severity::alert, Severity::error}}));
  EXPECT_TRUE(matches({.acted_upon = {uuid(9), uuid(2)}}));
  EXPECT_TRUE(matches({.system_ids = {uuid(9), uuid(3)}}));
  EXPECT_TRUE(matches({.owners = {uuid(9), uuid(1)}}));
}

TEST_F(FilterTest, RefusesAnEventWithNoneOfTheValues) {
  EXPECT_FALSE(matches({.categories = {"mesh", "pattern_"}}));
  EXPECT_FALSE(matches({.actions = {"undeploy"}}));
  EXPECT_FALSE(matches({.severities = {Severity::alert}}));
  EXPECT_FALSE(matches({.acted_upon = {uuid(1)}}));
  EXPECT_FALSE(matches({.system_ids = {uuid(1)}}));
  EXPECT_FALSE(matches({.owners = {uuid(2)}}));
}

TEST_F(FilterTest, WantsAllFieldsAtOnce) {
  EXPECT_TRUE(matches({.categories = {"pattern"}, .actions = {"deploy"}}));
  EXPECT_FALSE(matches({.categories = {"pattern"}, .actions = {"delete"}}));
  EXPECT_FALSE(matches({.categories = {"mesh"}, .actions = {"deploy"}}));
}

TEST_F(FilterTest, JudgesTheStatusOfNowNotTheInitialOne) {
  event_.initial_status = Status::unread;

  EXPECT_TRUE((Filter{.status = Status::read}.matches(event_, Status::read)));
  EXPECT_FALSE((Filter{.status = Status::unread}.matches(event_, Status::read)));
}

TEST_F(FilterTest, IncludesBothEndsOfTheTimeRange) {
  EXPECT_TRUE(matches({.from = at(1'000), .to = at(1'000)}));
  EXPECT_FALSE(matches({.from = at(1'001)}));
  EXPECT_FALSE(matches({.to = at(999)}));
}

TEST_F(FilterTest, SearchesTheDescriptionWhateverTheCase) {
  EXPECT_TRUE(matches({.search = "DEPLOYED c"}));
  EXPECT_FALSE(matches({.search = "undeployed"}));
}

TEST_F(FilterTest, SearchesWhatTheDescriptionMeansNotItsEscapes) {
  EXPECT_TRUE(matches({.search = "caf\xC3\xA9 \"a\""}));
  EXPECT_FALSE(matches({.search = "u00e9"}));
  EXPECT_FALSE(matches({.search = "\\"}));
}

TEST_F(FilterTest, IgnoresCaseOfAsciiOnly) {
  EXPECT_FALSE(matches({.search = "CAF\xC3\x89"}));  // É
}

TEST_F(FilterTest, FindsNothingInAnEmptyDescription) {
  event_.description_json = "";

  EXPECT_FALSE(matches({.search = "a"}));
  EXPECT_TRUE(matches({.search = ""}));
}

}  // namespace
}  // namespace carillon::engine
