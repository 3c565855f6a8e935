#include "tools/loadgen/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

namespace carillon::loadgen {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

TEST(LoadgenCommandLineTest, ReadsARun) {
  const auto line = parse_command_line({"verify", "--url", "http://h:1", "--rate", "5.5",
                                        "--duration", "1.5s", "--pid", "1", "--pid", "2"});

  ASSERT_TRUE(line.command) << line.text;
  const auto& options = std::get<Options>(*line.command);
  EXPECT_EQ(options.scenario, Scenario::verify);
  EXPECT_EQ(options.rate, 5.5);
  EXPECT_EQ(options.duration, 1500ms);
  EXPECT_EQ(options.pids, (std::vector<pid_t>{1, 2}));
}

TEST(LoadgenCommandLineTest, HelpIsNoFault) {
  const auto line = parse_command_line({"fanout", "--help"});

  EXPECT_FALSE(line.command);
  EXPECT_EQ(line.exit_code, exit_success);
  EXPECT_THAT(line.text, HasSubstr("--subscribe-url"));
}

struct BadLine {
  std::vector<std::string> arguments;
  std::string complaint;
};

class BadLineTest : public testing::TestWithParam<BadLine> {};

TEST_P(BadLineTest, EndsWithWrongUsageAndSaysWhy) {
  const auto line = parse_command_line(GetParam().arguments);

  EXPECT_FALSE(line.command);
  EXPECT_EQ(line.exit_code, exit_usage);
  EXPECT_THAT(line.text, StartsWith("carillon-loadgen: "));
  EXPECT_THAT(line.text, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    ,
    BadLineTest,
    testing::Values(
        BadLine{{}, "subcommand is required"},
        BadLine{{"fanout", "--nonsense"}, "--nonsense"},
        BadLine{{"fanout", "--duration", "3"}, "--duration: '3' is no time"},
        BadLine{{"fanout", "--duration", "0s"}, "--duration must not be zero"},
        BadLine{{"fanout", "--duration", "-1s"}, "'-1s' is no time"},
        BadLine{{"fanout", "--users", "0"}, "--users"},
        BadLine{{"fanout", "--users", "10000", "--receivers", "10000"},
                "--users times --receivers"},
        BadLine{{"fanout", "--rate", "-1"}, "--rate"},
        BadLine{{"fanout", "--url", "host:80"}, "--url: 'host:80': it must begin with http://"},
        BadLine{{"fanout", "--url", "http://h/path"}, "no path belongs here"},
        BadLine{{"fanout", "--header", "X-User"}, "--header: 'X-User' must be one line"},
        BadLine{{"fanout", "--body", "{{stanp}}"}, "--body: '{{stanp}}' at character 1"},
        BadLine{{"fanout", "--body", "{}"}, "--body: {{stamp}} is missing"},
        BadLine{{"fanout", "--body", "@/nowhere"}, "cannot read the file '/nowhere'"},
        BadLine{{"fanout", "--stream", "sse", "--subscribe-message", "x"}, "only a WebSocket"},
        BadLine{{"fanout", "--publish-message", "x"}, "--publish-message: only a WebSocket"},
        BadLine{{"fanout", "--ready", "{{hex:x}}"}, "--ready: the bytes at character 1"},
        BadLine{{"verify", "--subscribe-url", "ws://h/", "--cut-rate", "1"},
                "--cut-rate: --cursor must say"},
        BadLine{{"verify", "--cut-rate", "1", "--resume-url", "ws://h/"},
                "--cut-rate: {{cursor}} is missing"},
        BadLine{{"fanout", "--lockstep", "--rate", "1"}, "--rate excludes --lockstep"},
        BadLine{{"ingest", "--publish-url", "ws://h/"}, "a closed loop needs answers"},
        BadLine{{"ingest", "--receivers", "1"}, "--receivers"},
        BadLine{{"idle", "--baseline", "x"}, "--baseline"},
        BadLine{{"report", "a.json"}, "--out"}));

}  // namespace
}  // namespace carillon::loadgen
