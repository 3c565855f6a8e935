#include "tools/loadgen/target_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace carillon::loadgen {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(TargetUrlTest, TakesAUrlApart) {
  const auto url = parse_url("ws://[::1]:8080/live?user={{user}}");

  EXPECT_TRUE(url.websocket);
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 8080);
  EXPECT_EQ(url.authority, "[::1]:8080");
  EXPECT_EQ(url.target.render({.user = "u"}), "/live?user=u");
}

TEST(TargetUrlTest, APathAndAPortMayBeLeftOut) {
  const auto url = parse_url("http://server?x=1");

  EXPECT_FALSE(url.websocket);
  EXPECT_EQ(url.port, 80);
  EXPECT_EQ(url.target.render({}), "/?x=1");
}

struct BadUrl {
  std::string url;
  std::string complaint;
};

class BadUrlTest : public testing::TestWithParam<BadUrl> {};

TEST_P(BadUrlTest, IsQuotedWithWhatIsWrong) {
  EXPECT_THAT([] { static_cast<void>(parse_url(GetParam().url)); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("'" + GetParam().url + "': " + GetParam().complaint)));
}

INSTANTIATE_TEST_SUITE_P(,
                         BadUrlTest,
                         testing::Values(BadUrl{"ftp://a", "it must begin with http:// or ws://"},
                                         BadUrl{"https://a", "TLS is not spoken here"},
                                         BadUrl{"http://:80/", "the host is missing"},
                                         BadUrl{"ws://a:0/", "the port must be a number"},
                                         BadUrl{"ws://a:65536/", "the port must be a number"},
                                         BadUrl{"http://a/b c", "a space"},
                                         BadUrl{"http://a/{{b}}", "'{{b}}' at character 2"}));

}  // namespace
}  // namespace carillon::loadgen
