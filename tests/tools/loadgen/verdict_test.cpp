#include "tools/loadgen/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::loadgen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(VerdictTest, WhatWasRefusedOrNeverAnsweredIsNoLoss) {
  const Stream stream{.refused = {1, 4, 9}, .unanswered = {5}};

  const auto split = split_gap({.first = 3, .end = 8, .told = false}, stream);

  EXPECT_EQ(split.refused, 1U);
  EXPECT_EQ(split.unanswered, 1U);
  EXPECT_EQ(split.acknowledged, 3U);
}

TEST(VerdictTest, WhatWasRefusedAndCameAllTheSameLiesInNoGap) {
  const std::vector<SequenceCheck::Range> missing{{2, 4, false}, {7, 9, true}};

  EXPECT_THAT(find_refused_delivered({1, 2, 3, 4, 6, 8, 7, 9}, missing), ElementsAre(1, 4, 6, 9));
  EXPECT_THAT(find_refused_delivered({0}, {}), ElementsAre(0));
  EXPECT_THAT(find_refused_delivered({}, missing), IsEmpty());
}

OwnFigures judged(OwnFigures own, std::uint64_t offered = 1000) {
  judge(own, offered);
  return own;
}

TEST(VerdictTest, AnIdleLoadGeneratorIsNoBottleneck) {
  const auto own = judged({.cpu = 0.5, .wait = 0.01, .late_sends = 5});

  EXPECT_THAT(own.bottleneck, IsEmpty());
  EXPECT_THAT(own.disturbed, IsEmpty());
}

TEST(VerdictTest, WhoIsLateWithProcessorTimeLeftWasDisturbed) {
  const auto own = judged({.cpu = 0.04, .late_sends = 28, .late_max_ms = 3.0});

  EXPECT_THAT(own.bottleneck, IsEmpty());
  EXPECT_THAT(own.disturbed,
              ElementsAre(HasSubstr("2.8 % of the events were sent over 1 ms late")));
  EXPECT_THAT(judged({.wait = 0.2}).disturbed, ElementsAre(HasSubstr("had no processor")));
}

TEST(VerdictTest, IsTheBottleneckExactlyIfItIsAtItsEnd) {
  for (const auto& own : {OwnFigures{.cpu = 0.04, .late_sends = 28}, OwnFigures{.cpu = 0.97},
                          OwnFigures{.cpu = 0.5, .wait = 0.45}, OwnFigures{.cpu = 0.5, .wait = 0.2},
                          OwnFigures{.cpu = 0.95, .late_sends = 28}}) {
    const auto side = find_saturated({.processors = 1, .cpu_s = 0.1}, 2.0, own);
    EXPECT_EQ(judged(own).bottleneck.empty(), side == "neither") << own.cpu << ' ' << own.wait;
    EXPECT_TRUE(judged(own).bottleneck.empty() || judged(own).disturbed.empty());
  }
}

TEST(VerdictTest, SaysWhoHadNoProcessorTimeLeft) {
  const auto side = [](double server_cpu_s, unsigned processors, double own) {
    return find_saturated({.processors = processors, .cpu_s = server_cpu_s}, 2.0, {.cpu = own});
  };

  EXPECT_EQ(side(1.9, 1, 0.5), "server");
  EXPECT_EQ(side(1.9, 2, 0.5), "neither") << "the server has a second processor";
  EXPECT_EQ(side(3.8, 2, 0.95), "both");
  EXPECT_EQ(side(0.5, 1, 0.95), "loadgen");
}

TEST(VerdictTest, SaysWhyItIsTheBottleneck) {
  EXPECT_THAT(judged({.cpu = 0.97}).bottleneck, ElementsAre(HasSubstr("busy 97 % of the time")));
  EXPECT_THAT(judged({.cpu = 0.6, .wait = 0.35}).bottleneck,
              ElementsAre(HasSubstr("without a processor 35 %")));
  EXPECT_THAT(
      judged({.cpu = 0.95, .late_sends = 20, .late_max_ms = 3.0}).bottleneck,
      ElementsAre(HasSubstr("busy"), HasSubstr("2.0 % of the events were sent over 1 ms late")));
}

}  // namespace
}  // namespace carillon::loadgen
