#pragma once

#include "carillon/engine/ids.hpp"

#include <benchmark/benchmark.h>
#include <pthread.h>
#include <time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bench {

using Clock = std::chrono::steady_clock;

inline std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

/// CPU time that a thread has used, readable from any other thread.
inline clockid_t cpu_clock_of_this_thread() noexcept {
  clockid_t clock{};
  static_cast<void>(pthread_getcpuclockid(pthread_self(), &clock));
  return clock;
}

inline std::int64_t read_ns(clockid_t clock) noexcept {
  timespec time{};
  static_cast<void>(clock_gettime(clock, &time));
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

/// Reports items per second by the wall clock. Google Benchmark divides by the
/// CPU time of the benchmark's own thread unless the name says `/real_time`.
class WallRate {
 public:
  void report(benchmark::State& state, std::uint64_t items) const {
    const std::chrono::duration<double> wall = Clock::now() - start_;
    state.counters["items_per_second"] = static_cast<double>(items) / wall.count();
    state.counters["ns_per_item"] = wall.count() * 1e9 / static_cast<double>(items);
  }

 private:
  Clock::time_point start_ = Clock::now();
};

/// Reproducible users: `number` goes through a bijection, so all are distinct.
inline carillon::engine::UserId user_number(std::uint64_t number) noexcept {
  carillon::engine::UserId user;
  for (std::size_t half = 0; half < 2; ++half) {
    auto mixed = number * 2 + half + 0x9E3779B97F4A7C15ULL;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
    mixed ^= mixed >> 31U;
    for (std::size_t i = 0; i < 8; ++i)
      user.bytes[half * 8 + i] = static_cast<std::uint8_t>(mixed >> (8 * i));
  }
  return user;
}

}  // namespace bench
