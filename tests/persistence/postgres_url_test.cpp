#include "persistence/src/postgres_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace carillon::testing {
namespace {

using persistence::parse_postgres_url;
using persistence::without_passwords;
using ::testing::HasSubstr;
using ::testing::Not;

std::string option(const std::string& url, const std::string& keyword) {
  const auto target = parse_postgres_url(url);
  if (!target) return target.error().text();
  const auto found = std::find_if(target->options.begin(), target->options.end(),
                                  [&](const auto& given) { return given.first == keyword; });
  return found == target->options.end() ? std::string{} : found->second;
}

TEST(PostgresUrlTest, TakesWhatLibpqTakes) {
  const std::string url =
      "postgresql://me:p%40ss%2Fword@db.example:5433/inboxes?sslmode=require&connect_timeout=9";

  EXPECT_EQ(option(url, "user"), "me");
  EXPECT_EQ(option(url, "password"), "p@ss/word");
  EXPECT_EQ(option(url, "host"), "db.example");
  EXPECT_EQ(option(url, "port"), "5433");
  EXPECT_EQ(option(url, "dbname"), "inboxes");
  EXPECT_EQ(option(url, "sslmode"), "require");
  EXPECT_EQ(option(url, "connect_timeout"), "9");
  EXPECT_EQ(option("postgres:///db?host=%2Ftmp%2Fx", "host"), "/tmp/x");
  EXPECT_EQ(option("postgresql://a,b:2/db", "host"), "a,b");
}

TEST(PostgresUrlTest, AsksForASessionThatWritesAndForDeadNetworksToBeNoticed) {
  EXPECT_EQ(option("postgresql://h/db", "target_session_attrs"), "read-write");
  EXPECT_EQ(option("postgresql://h/db", "connect_timeout"), "5");
  EXPECT_THAT(option("postgresql://h/db", "application_name"), HasSubstr("carillon pid "));
  EXPECT_EQ(option("postgresql://h/db?application_name=mine", "application_name"), "mine");
}

TEST(PostgresUrlTest, HidesPasswordsWhereverTheyStand) {
  EXPECT_EQ(without_passwords("postgresql://me:secret@h:1/db"), "postgresql://me:***@h:1/db");
  EXPECT_EQ(without_passwords("postgres://me@h/db?a=1&password=secret&sslpassword=s&b=2"),
            "postgres://me@h/db?a=1&password=***&sslpassword=***&b=2");
  EXPECT_EQ(without_passwords("postgresql://h/db?sslmode=require"),
            "postgresql://h/db?sslmode=require");
  EXPECT_EQ(without_passwords("rocksdb:/a:b@c"), "rocksdb:/a:b@c");
}

TEST(PostgresUrlTest, HidesAPasswordThatShouldHaveBeenEncoded) {
  for (const std::string url :
       {"postgresql://me:se/cret@h/db", "postgresql://me:se@cret@h/db", "postgresql://me:se?cret@h",
        "postgresql://me:se%cret@h/db", "postgresql://me:se#cret@h:x/db?sslmod=cret"}) {
    const auto shown = without_passwords(url.substr(0, url.find("?sslmod")));
    EXPECT_THAT(shown, Not(HasSubstr("cret"))) << url;
    const auto target = parse_postgres_url(url);
    if (target) continue;
    EXPECT_THAT(target.error().text(), Not(HasSubstr("cret"))) << url;
    EXPECT_THAT(target.error().text(), HasSubstr("percent-encoded"));
  }
}

}  // namespace
}  // namespace carillon::testing
