#include "bench/histogram.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace bench {
namespace {

TEST(HistogramTest, PercentilesAreTooHighBySixteenPerMilleAtMost) {
  Histogram histogram;
  for (std::int64_t value = 1; value <= 100'000; ++value)
    histogram.add(value);

  for (const double share : {0.1, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = share * 100'000;
    EXPECT_GE(histogram.at(share), exact) << share;
    EXPECT_LE(histogram.at(share), exact * 1.016) << share;
  }
  EXPECT_EQ(histogram.at(1.0), 100'000);
  EXPECT_EQ(histogram.min(), 1);
  EXPECT_EQ(histogram.max(), 100'000);
  EXPECT_DOUBLE_EQ(histogram.mean(), 50'000.5);
}

TEST(HistogramTest, AnEmptyOneIsZeroAndSoIsACleared) {
  Histogram histogram;
  histogram.add(5);
  histogram.clear();

  EXPECT_EQ(histogram.total(), 0U);
  EXPECT_EQ(histogram.at(0.5), 0);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.mean(), 0);
}

TEST(HistogramTest, WhatIsNegativeCountsAsZero) {
  Histogram histogram;
  histogram.add(-7);

  EXPECT_EQ(histogram.total(), 1U);
  EXPECT_EQ(histogram.max(), 0);
}

}  // namespace
}  // namespace bench
