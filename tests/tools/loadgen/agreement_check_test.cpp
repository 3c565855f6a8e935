#include "tools/loadgen/agreement_check.hpp"

#include <gtest/gtest.h>

namespace carillon::loadgen {
namespace {

Stamp event(std::uint64_t number) {
  return {.user = 1, .stream = 2, .number = number};
}

TEST(AgreementCheckTest, AcceptsWhatEveryReceiverHearsAlike) {
  AgreementCheck check;

  for (int receiver = 0; receiver < 3; ++receiver) {
    EXPECT_TRUE(check.take(event(0), "a", 10));
    EXPECT_TRUE(check.take(event(1), "b", 11));
  }
}

TEST(AgreementCheckTest, RefusesASecondIdOrSequenceOfOneEvent) {
  AgreementCheck check;
  ASSERT_TRUE(check.take(event(0), "a", 10));

  EXPECT_FALSE(check.take(event(0), "b", 10));
  EXPECT_FALSE(check.take(event(0), "a", 11));
  EXPECT_TRUE(check.take(event(0), "a", 10));
}

TEST(AgreementCheckTest, RefusesAnIdOrSequenceThatTwoEventsShare) {
  AgreementCheck check;
  ASSERT_TRUE(check.take(event(0), "a", 10));

  EXPECT_FALSE(check.take(event(1), "a", 11));
  EXPECT_FALSE(check.take(event(2), "c", 10));
}

TEST(AgreementCheckTest, TellsEventsApartByUserAndStream) {
  AgreementCheck check;

  EXPECT_TRUE(check.take({.user = 1, .stream = 0, .number = 5}, "a", 1));
  EXPECT_TRUE(check.take({.user = 0, .stream = 1, .number = 5}, "b", 2));
  EXPECT_TRUE(check.take({.user = 5, .stream = 0, .number = 1}, "c", 3));
}

}  // namespace
}  // namespace carillon::loadgen
