#include "net/src/flush_pacer.hpp"

#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using std::chrono::microseconds;

constexpr FlushPacer::Clock::time_point start{std::chrono::hours{1}};

FlushPacer::Flush flush_of(std::size_t sessions, std::uint64_t frames, microseconds time) {
  return {.begun = start,
          .ended = start + time,
          .sessions = sessions,
          .frames = frames,
          .bytes = frames * 650};
}

TEST(FlushPacerTest, PausesAsLongAsTheFlushTook) {
  FlushPacer pacer{microseconds{2'000}};
  EXPECT_LT(pacer.due(), start);

  pacer.flushed(flush_of(500, 1'000, microseconds{700}));

  EXPECT_EQ(pacer.due(), start + microseconds{1'400});
}

TEST(FlushPacerTest, PausesNoLongerThanItMay) {
  FlushPacer pacer{microseconds{2'000}};
  pacer.flushed(flush_of(10'000, 50'000, microseconds{30'000}));
  EXPECT_EQ(pacer.due(), start + microseconds{32'000});

  FlushPacer never{microseconds{0}};
  never.flushed(flush_of(10'000, 50'000, microseconds{30'000}));
  EXPECT_EQ(never.due(), start + microseconds{30'000});
}

TEST(FlushPacerTest, DoesNotPauseWhereNothingIsToBeGained) {
  FlushPacer pacer{microseconds{2'000}};
  const auto end = start + microseconds{700};

  pacer.flushed(flush_of(500, 999, microseconds{700}));  // one event for somebody
  EXPECT_EQ(pacer.due(), end);

  pacer.flushed(flush_of(FlushPacer::sessions_min - 1, 1'000, microseconds{700}));
  EXPECT_EQ(pacer.due(), end);

  auto large = flush_of(500, 1'000, microseconds{700});
  large.bytes = 500 * FlushPacer::bytes_per_session_max + 1;
  pacer.flushed(large);
  EXPECT_EQ(pacer.due(), end);
}

}  // namespace
}  // namespace carillon::net
