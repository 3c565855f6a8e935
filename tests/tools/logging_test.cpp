#include "tools/carillond/logging.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace carillon::carillond {
namespace {

using engine::LogField;
using engine::LogLevel;

TEST(LoggingTest, ARecordIsKeysAndValues) {
  const std::array<LogField, 3> fields{{{"port", "9081"}, {"path", "/a b"}, {"reason", ""}}};

  EXPECT_EQ(render_text("ready", fields), R"(msg="ready" port=9081 path="/a b" reason="")");
  EXPECT_EQ(render_json("ready", fields),
            R"("msg":"ready","port":"9081","path":"/a b","reason":"")");
}

TEST(LoggingTest, AValueCantForgeALine) {
  const std::array<LogField, 1> fields{{{"user", "x\nlevel=error \"msg\""}}};

  EXPECT_EQ(render_text("a\nb", fields), R"(msg="a\nb" user="x\nlevel=error \"msg\"")");
  EXPECT_EQ(render_json("a\nb", fields), R"("msg":"a\nb","user":"x\nlevel=error \"msg\"")");
}

TEST(LoggingTest, WritesLinesFromItsLevelUp) {
  ::testing::internal::CaptureStderr();
  {
    Logging logging{"warning", "text"};
    logging.log(LogLevel::info, "silent");
    logging.log(LogLevel::error, "loud", {{"code", "7"}});
    EXPECT_TRUE(logging.set_level("debug"));
    logging.sink()(LogLevel::debug, "now heard", {});
  }
  const auto lines = ::testing::internal::GetCapturedStderr();

  EXPECT_THAT(lines, ::testing::MatchesRegex("time=[-:.0-9TZ]+ level=error msg=\"loud\" code=7\n"
                                             "time=[-:.0-9TZ]+ level=debug msg=\"now heard\"\n"));
}

TEST(LoggingTest, JsonLinesAreObjects) {
  ::testing::internal::CaptureStderr();
  {
    Logging logging{"info", "json"};
    logging.log(LogLevel::warning, "odd \"quotes\"", {{"n", "1"}});
  }
  const auto line = ::testing::internal::GetCapturedStderr();

  EXPECT_THAT(line, ::testing::StartsWith("{\"time\":\""));
  EXPECT_THAT(line, ::testing::EndsWith(R"("level":"warning","msg":"odd \"quotes\"","n":"1"})"
                                        "\n"));
}

TEST(LoggingTest, AnUnknownLevelChangesNothing) {
  Logging logging{"info", "text"};

  EXPECT_FALSE(logging.set_level("loud"));
  EXPECT_EQ(logging.level(), "info");
  EXPECT_TRUE(logging.set_level("error"));
  EXPECT_EQ(logging.level(), "error");
}

}  // namespace
}  // namespace carillon::carillond
