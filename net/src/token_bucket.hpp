#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace carillon::net {

/// Time of token buckets: 4 µs since its owner's start, so that 46 bits last
/// eight years and a rate may go up to 250,000 a second.
using BucketTicks = std::chrono::duration<std::int64_t, std::ratio<1, 250'000>>;

struct BucketRate {
  std::uint64_t per_second = 0;  ///< 0: no limit
  std::uint64_t burst = 0;       ///< tokens of a full bucket; 0 counts as 1
};

struct BucketDecision {
  BucketTicks full_at{0};  ///< of the bucket after this; as before if it must wait
  BucketTicks wait{0};     ///< 0: admitted; else until the same would be admitted

  [[nodiscard]] bool admitted() const noexcept { return wait.count() == 0; }
};

/// A token bucket is one number, the time at which it is full again (the
/// "generic cell rate algorithm" of ATM): taking a token moves that time on.
/// 0 tokens are given by every bucket that owes nothing. More tokens than the bucket holds are
/// given by a full one, which then owes the rest: a large batch passes, and the rate holds in the
/// long run.
[[nodiscard]] constexpr BucketDecision take_tokens(BucketTicks full_at,
                                                   BucketTicks now,
                                                   std::uint64_t tokens,
                                                   const BucketRate& rate) noexcept {
  constexpr std::uint64_t ticks_per_second = BucketTicks::period::den / BucketTicks::period::num;
  // Bounded, so that no product overflows; 2^32 tokens are years of any rate.
  constexpr std::uint64_t tokens_max = std::uint64_t{1} << 32U;
  const auto time_of = [&](std::uint64_t count) {
    // Rounded up: the rate is never exceeded (and 4 % lower at 10,000 a second).
    const auto ticks =
        (std::min(count, tokens_max) * ticks_per_second + rate.per_second - 1) / rate.per_second;
    return BucketTicks{static_cast<std::int64_t>(ticks)};
  };
  if (rate.per_second == 0) return {full_at, BucketTicks{0}};
  const auto cost = time_of(tokens);
  const auto from = std::max(full_at, now);
  // A full bucket gives anything; else the token that is missed most decides.
  const auto earliest =
      std::min(from, from + cost - time_of(std::max<std::uint64_t>(rate.burst, 1)));
  if (earliest <= now) return {from + cost, BucketTicks{0}};
  return {full_at, earliest - now};
}

/// One bucket for all threads.
///
/// Threads   Any. Progress: lock-free; a failed exchange means that another one took.
class TokenBucket {
 public:
  /// 0: taken. Else nothing was, and it is worth trying after this time.
  [[nodiscard]] BucketTicks take(BucketTicks now,
                                 std::uint64_t tokens,
                                 const BucketRate& rate) noexcept {
    // T1 relaxed: the number stands for itself; it publishes nothing.
    auto full_at = full_at_.load(std::memory_order_relaxed);
    for (;;) {
      const auto decision = take_tokens(BucketTicks{full_at}, now, tokens, rate);
      if (!decision.admitted()) return decision.wait;
      // T2 relaxed: as T1.
      if (full_at_.compare_exchange_weak(full_at, decision.full_at.count(),
                                         std::memory_order_relaxed))
        return BucketTicks{0};
    }
  }

 private:
  std::atomic<std::int64_t> full_at_{0};
};

}  // namespace carillon::net
