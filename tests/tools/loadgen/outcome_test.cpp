#include "tools/loadgen/outcome.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::loadgen {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

Options options_of(Scenario scenario) {
  Options options;
  options.scenario = scenario;
  return options;
}

// A run of 100 events, all acknowledged, but for what `spoil` makes of it.
template <class Spoil>
int exit_code(Scenario scenario, Spoil&& spoil) {
  const auto options = options_of(scenario);
  Result result;
  result.sent = result.acknowledged = 100;
  spoil(result);
  result.shortfalls = find_shortfalls(options, result);
  return exit_code_of(options, result);
}

TEST(OutcomeTest, ARunThatDidWhatItWasAskedIsComplete) {
  for (const auto scenario : {Scenario::fanout, Scenario::ingest, Scenario::verify})
    EXPECT_EQ(exit_code(scenario, [](Result&) {}), exit_success) << to_string(scenario);
}

TEST(OutcomeTest, NamesEachReasonWhyARunIsIncomplete) {
  auto options = options_of(Scenario::verify);
  options.events = 200;
  Result result;
  result.interrupted = true;
  result.connections_lost = 20;
  result.publishers_lost = 3;
  result.first_end = "reset";
  result.still_away = 4;
  result.sent = 100;
  result.unanswered = 5;
  result.not_sent = 6;

  EXPECT_THAT(find_shortfalls(options, result),
              ElementsAre("it was interrupted", "20 subscriptions were lost (reset)",
                          "4 subscribers had not come back at the end",
                          "3 of 4 publishing connections were lost (reset)",
                          "5 events were sent and never answered", "6 events were due and not sent",
                          "94 of 200 events were not due before the end of --duration"));
  EXPECT_THAT(find_shortfalls(options_of(Scenario::idle), {}), IsEmpty());
}

TEST(OutcomeTest, ALostConnectionOrAMissingAnswerFailsEveryRun) {
  for (const auto scenario : {Scenario::fanout, Scenario::ingest, Scenario::verify}) {
    SCOPED_TRACE(to_string(scenario));
    EXPECT_EQ(exit_code(scenario, [](Result& r) { r.connections_lost = 1; }), exit_incomplete);
    EXPECT_EQ(exit_code(scenario, [](Result& r) { r.publishers_lost = 1; }), exit_incomplete);
    EXPECT_EQ(exit_code(scenario, [](Result& r) { r.unanswered = 1; }), exit_incomplete);
    EXPECT_EQ(exit_code(scenario, [](Result& r) { r.server_ended = true; }), exit_incomplete);
  }
}

TEST(OutcomeTest, WhatWaitedUntilTheEndFailsOnlyAVerification) {
  const auto wait = [](Result& result) { result.not_sent = 1; };

  EXPECT_EQ(exit_code(Scenario::fanout, wait), exit_success) << "the rate was beyond the server";
  EXPECT_EQ(exit_code(Scenario::verify, wait), exit_incomplete);
}

TEST(OutcomeTest, AnInterruptedRunIsAShortOneUnlessItShouldProveSomething) {
  const auto interrupt = [](Result& result) {
    result.interrupted = true;
    result.unanswered = 1;  // it was not waited for
  };
  const auto interrupt_at_once = [](Result& result) {
    result.interrupted = true;
    result.acknowledged = 0;
  };

  EXPECT_EQ(exit_code(Scenario::fanout, interrupt), exit_success);
  EXPECT_EQ(exit_code(Scenario::fanout, interrupt_at_once), exit_incomplete);
  EXPECT_EQ(exit_code(Scenario::verify, interrupt), exit_incomplete);
}

TEST(OutcomeTest, AFaultIsAFaultAlsoInARunThatIsIncomplete) {
  EXPECT_EQ(exit_code(Scenario::verify,
                      [](Result& result) {
                        result.interrupted = true;
                        result.faults.duplicates = 1;
                      }),
            exit_fault);
}

TEST(OutcomeTest, AServerThatRefusesEverythingIsNoServer) {
  EXPECT_EQ(exit_code(Scenario::ingest,
                      [](Result& result) {
                        result.acknowledged = 0;
                        result.refused = 100;
                      }),
            exit_unreachable);
}

TEST(OutcomeTest, TheLastLineSaysWhatTheRunIsWorth) {
  Result result;
  EXPECT_THAT(to_text(options_of(Scenario::verify), result),
              EndsWith("complete    and no fault was found in what was checked\n"));

  result.faults.duplicates = 1;
  EXPECT_THAT(to_text(options_of(Scenario::verify), result),
              EndsWith("complete    and faults were found\n"));

  result.shortfalls = {"this", "that"};
  EXPECT_THAT(to_text(options_of(Scenario::verify), result),
              EndsWith("INCOMPLETE  this run proves nothing: this; that\n"));
  EXPECT_THAT(to_text(options_of(Scenario::fanout), result),
              EndsWith("INCOMPLETE  this is not the run that was asked for: this; that\n"));
  EXPECT_THAT(to_json(options_of(Scenario::verify), result),
              AllOf(HasSubstr(R"("complete":false)"), HasSubstr(R"("reasons":["this","that"])")));
}

}  // namespace
}  // namespace carillon::loadgen
