#include "net/src/admission.hpp"

#include "tests/support/events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>
#include <vector>

namespace carillon::net {
namespace {

using asio::ip::make_address;
using std::chrono::microseconds;
using std::chrono::seconds;

const auto alice = testing::user(1);
const auto bob = testing::user(2);

TEST(AdmissionTest, CountsConnectionsAndGivesPlacesBack) {
  const auto admission = std::make_shared<Admission>(AdmissionLimits{.connections_max = 2});
  AdmissionPass first;
  AdmissionPass second;
  AdmissionPass third;

  EXPECT_FALSE(admission->admit(make_address("192.0.2.1"), first));
  EXPECT_FALSE(admission->admit(make_address("192.0.2.2"), second));
  EXPECT_EQ(admission->admit(make_address("192.0.2.3"), third), Rejection::connections);
  first.release();
  first.release();
  EXPECT_FALSE(admission->admit(make_address("192.0.2.3"), third));

  EXPECT_EQ(admission->figures().connections, 2U);
  EXPECT_EQ(admission->figures().rejected_total[0], 1U);
}

TEST(AdmissionTest, APassThatMovesIsGivenBackOnce) {
  const auto admission = std::make_shared<Admission>(AdmissionLimits{});
  {
    AdmissionPass pass;
    ASSERT_FALSE(admission->admit(make_address("192.0.2.1"), pass));
    ASSERT_TRUE(pass.open_session(alice));
    AdmissionPass moved{std::move(pass)};
    AdmissionPass assigned;
    assigned = std::move(moved);
    EXPECT_EQ(admission->figures().connections, 1U);
    EXPECT_EQ(admission->figures().addresses, 1U);
    EXPECT_EQ(admission->figures().users, 1U);
  }

  EXPECT_EQ(admission->figures().connections, 0U);
  EXPECT_EQ(admission->figures().addresses, 0U);
  EXPECT_EQ(admission->figures().users, 0U);
}

TEST(AdmissionTest, LimitsOneAddressAndNoOther) {
  const auto admission =
      std::make_shared<Admission>(AdmissionLimits{.connections_per_address_max = 1});
  const auto try_one = [&](const char* address, AdmissionPass& pass) {
    return admission->admit(make_address(address), pass);
  };
  AdmissionPass v4;
  AdmissionPass v6;
  AdmissionPass other;

  EXPECT_FALSE(try_one("192.0.2.1", v4));
  EXPECT_EQ(try_one("192.0.2.1", other), Rejection::connections_per_address);
  EXPECT_EQ(try_one("::ffff:192.0.2.1", other), Rejection::connections_per_address);
  EXPECT_FALSE(try_one("2001:db8:1:2::1", v6));
  EXPECT_EQ(try_one("2001:db8:1:2:ffff::9", other), Rejection::connections_per_address);
  EXPECT_FALSE(try_one("2001:db8:1:3::1", other));
  EXPECT_EQ(admission->figures().connections, 3U) << "a refused one leaves nothing behind";
}

TEST(AdmissionTest, TheLoopbackIsExemptUnlessAskedFor) {
  AdmissionLimits limits{.connections_per_address_max = 1};
  const auto admission = std::make_shared<Admission>(limits);
  std::vector<AdmissionPass> passes(8);

  for (std::size_t i = 0; i < 6; i += 3) {
    EXPECT_FALSE(admission->admit(make_address("127.0.0.9"), passes[i]));
    EXPECT_FALSE(admission->admit(make_address("::1"), passes[i + 1]));
    EXPECT_FALSE(admission->admit(make_address("::ffff:127.0.0.9"), passes[i + 2]));
  }
  limits.loopback_limited = true;
  admission->set_limits(limits);
  EXPECT_FALSE(admission->admit(make_address("127.0.0.9"), passes[6]));
  EXPECT_EQ(admission->admit(make_address("127.0.0.9"), passes[7]),
            Rejection::connections_per_address);
}

TEST(AdmissionTest, LimitsTheSessionsOfOneUser) {
  const auto admission = std::make_shared<Admission>(AdmissionLimits{.sessions_per_user_max = 1});
  std::vector<AdmissionPass> passes(3);
  for (auto& pass : passes)
    ASSERT_FALSE(admission->admit(make_address("192.0.2.1"), pass));

  EXPECT_TRUE(passes[0].open_session(alice));
  EXPECT_FALSE(passes[1].open_session(alice));
  EXPECT_TRUE(passes[2].open_session(bob));
  passes[0].release();
  EXPECT_TRUE(passes[1].open_session(alice));
}

TEST(AdmissionTest, LimitsThePublishRateOfOneCaller) {
  const auto admission = std::make_shared<Admission>(AdmissionLimits{.publish_rate = 10,
                                                                     .publish_burst = 5,
                                                                     .service_publish_rate = 20,
                                                                     .service_publish_burst = 1});
  const auto now = Admission::Clock::now();

  EXPECT_EQ(admission->take_publish(alice, false, 5, now), microseconds{0});
  EXPECT_EQ(admission->take_publish(alice, false, 2, now), microseconds{200'000});
  EXPECT_EQ(admission->take_publish(bob, false, 5, now), microseconds{0});
  // With service rights the same id is another caller, with a rate of its own.
  EXPECT_EQ(admission->take_publish(alice, true, 1, now), microseconds{0});
  EXPECT_EQ(admission->take_publish(alice, true, 1, now), microseconds{50'000});
  EXPECT_EQ(admission->take_publish(alice, false, 2, now + microseconds{200'000}), microseconds{0});
  // It is no refusal before somebody is told so.
  EXPECT_EQ(admission->figures().rejected_total[4], 0U);
}

TEST(AdmissionTest, LimitsTheRateOfAccepting) {
  const auto admission =
      std::make_shared<Admission>(AdmissionLimits{.accept_rate = 100, .accept_burst = 2});
  const auto now = Admission::Clock::now();

  EXPECT_EQ(admission->accept_pause(now), microseconds{0});
  EXPECT_EQ(admission->accept_pause(now), microseconds{0});
  EXPECT_EQ(admission->accept_pause(now), microseconds{10'000});
  EXPECT_EQ(admission->accept_pause(now + microseconds{10'000}), microseconds{0});
  EXPECT_EQ(admission->figures().accept_pauses_total, 1U);
}

// Goal: a bucket that is full again makes room, so that the table of fixed size
// is enough however many users come.
TEST(AdmissionTest, BucketsOfUsersWhoAreGoneMakeRoomForOthers) {
  const auto admission =
      std::make_shared<Admission>(AdmissionLimits{.publish_rate = 1'000, .publish_burst = 10});
  auto now = Admission::Clock::now();

  for (int i = 0; i < 300'000; ++i) {
    ASSERT_EQ(admission->take_publish(engine::make_uuid_v4(), false, 10, now), microseconds{0});
    now += microseconds{10'000};
  }

  EXPECT_EQ(admission->figures().untracked_total, 0U);
}

TEST(AdmissionTest, BoundsWhatConnectionsHoldOfUnfinishedRequests) {
  constexpr std::size_t granted = receiving_bytes_granted;
  const auto admission =
      std::make_shared<Admission>(AdmissionLimits{.receiving_bytes_max = 2 * granted});

  EXPECT_TRUE(admission->hold_receiving(0, 2 * granted));
  EXPECT_TRUE(admission->hold_receiving(0, granted));  // whatever the others hold
  EXPECT_EQ(admission->figures().receiving_bytes, 3 * granted);
  EXPECT_FALSE(admission->hold_receiving(granted, granted + 1));
  EXPECT_EQ(admission->figures().receiving_bytes, 3 * granted + 1);
  EXPECT_TRUE(admission->hold_receiving(granted + 1, granted));  // gives something up
  EXPECT_TRUE(admission->hold_receiving(2 * granted, 0));
  EXPECT_TRUE(admission->hold_receiving(granted, 2 * granted));
  admission->set_limits({.receiving_bytes_max = 0});
  EXPECT_TRUE(admission->hold_receiving(2 * granted, 100 * granted));
  EXPECT_TRUE(admission->hold_receiving(100 * granted, 0));
  EXPECT_EQ(admission->figures().receiving_bytes, 0U);
}

TEST(AdmissionTest, NewLimitsAreInForceAtOnce) {
  const auto admission = std::make_shared<Admission>(AdmissionLimits{.publish_rate = 0});
  const auto now = Admission::Clock::now();
  ASSERT_EQ(admission->take_publish(alice, false, 1'000'000, now), microseconds{0});

  admission->set_limits({.connections_max = 7, .publish_rate = 1, .publish_burst = 1});

  EXPECT_EQ(admission->limits().connections_max, 7U);
  EXPECT_EQ(admission->take_publish(alice, false, 1, now), microseconds{0});
  EXPECT_EQ(admission->take_publish(alice, false, 1, now), microseconds{seconds{1}});
}

TEST(AdmissionConcurrencyTest, NeverAdmitsMoreThanTheLimitsAndLosesNoPlace) {
  constexpr std::uint64_t most = 50;
  const auto admission = std::make_shared<Admission>(
      AdmissionLimits{.connections_max = most, .connections_per_address_max = 20});
  std::latch start{4};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        const auto address = make_address("192.0.2." + std::to_string(thread % 2));
        start.arrive_and_wait();
        for (int round = 0; round < 200; ++round) {
          std::vector<AdmissionPass> passes(15);
          for (auto& pass : passes)
            if (!admission->admit(address, pass)) static_cast<void>(pass.open_session(alice));
          // A refused one is in the count for a moment.
          ASSERT_LE(admission->figures().connections, most + 4);
        }
      });
  }

  EXPECT_EQ(admission->figures().connections, 0U);
  EXPECT_EQ(admission->figures().addresses, 0U);
  EXPECT_EQ(admission->figures().users, 0U);
}

}  // namespace
}  // namespace carillon::net
