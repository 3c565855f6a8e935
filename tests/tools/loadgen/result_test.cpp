#include "tools/loadgen/result.hpp"

#include "tools/loadgen/html_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <stdexcept>
#include <string>

namespace carillon::loadgen {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

std::string example(const std::string& label) {
  Options options;
  options.label = label;
  Result result;
  for (std::int64_t ms = 1; ms <= 1000; ++ms)
    result.delivery_ns.add(ms * 1'000'000);
  result.server = ServerFigures{.cpu_s = 1.5};
  result.window_s = 2.0;
  result.own.bottleneck = {"busy"};
  result.faults.unexplained_gaps = 3;
  result.samples.push_back({.at_s = 1.0, .delivered_per_s = 5.0});
  return to_json(options, result);
}

TEST(ResultTest, IsJsonThatHoldsTheFigures) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text{example("a \"quoted\"\nlabel")};

  const auto run = parser.parse(text);

  ASSERT_EQ(run.error(), simdjson::SUCCESS);
  EXPECT_EQ(run["label"].get_string().value(), "a \"quoted\"\nlabel");
  EXPECT_NEAR(run["latency_ms"]["delivery"]["p99"].get_double().value(), 990, 16);
  EXPECT_EQ(run["check"]["unexplained_gaps"].get_uint64().value(), 3U);
  EXPECT_EQ(run["server"]["cpu_share"].get_double().value(), 0.75);
  EXPECT_TRUE(run["loadgen"]["is_bottleneck"].get_bool().value());
  EXPECT_EQ(run["series"].at(0)["delivered_per_s"].get_double().value(), 5.0);
}

TEST(ResultTest, ThePageHoldsEveryRunAndNothingFromElsewhere) {
  const auto page = to_html({example("before"), example("</script><b>")}, {"a", "b"});

  EXPECT_THAT(page, HasSubstr("\"before\""));
  EXPECT_THAT(page, Not(HasSubstr("</script><b>"))) << "a label must not end the data";
  EXPECT_THAT(page, Not(HasSubstr(" src=")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
}

TEST(ResultTest, ThePageRefusesWhatIsNoRun) {
  EXPECT_THAT([] { static_cast<void>(to_html({"{}"}, {"x.json"})); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'x.json' holds no result")));
}

}  // namespace
}  // namespace carillon::loadgen
