#include "tools/carillond/descriptors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace carillon::carillond {
namespace {

TEST(DescriptorsTest, ConnectionsLeaveSomeForTheStore) {
  EXPECT_EQ(connections_that_fit(1'048'576, 2), 1'048'576U - 1'024U);
  EXPECT_EQ(connections_that_fit(1'024, 2), 1'024U - 256U - 72U) << "a quarter, and the process's";
  EXPECT_EQ(connections_that_fit(1'024, 16), 1'024U - 256U - 128U);
  EXPECT_EQ(connections_that_fit(1'048'576, 1'000), 1'048'576U - 4'064U);
  EXPECT_EQ(connections_that_fit(64, 2), 1U) << "0 would be no limit";
  EXPECT_EQ(connections_that_fit(0, 1), 1U);
}

TEST(DescriptorsTest, RaisesTheLimitToTheHardOneAndReportsIt) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit lowered{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lowered), 0);
  ASSERT_EQ(descriptors_max(), 64U);

  raise_descriptor_limit();
  const auto raised = descriptors_max();
  std::vector<net::MetricSample> samples;
  add_descriptor_metrics(samples);
  ::setrlimit(RLIMIT_NOFILE, &before);

  EXPECT_EQ(raised, before.rlim_max);
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[0].name, "carillon_descriptors_max");
  EXPECT_EQ(samples[0].value, static_cast<double>(before.rlim_max));
}

}  // namespace
}  // namespace carillon::carillond
