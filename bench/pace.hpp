#pragma once

// Open-loop pace for benchmarks of a hand-over from one thread to another.

#include "bench/bench_support.hpp"
#include "bench/histogram.hpp"
#include "bench/pinned.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

namespace bench {

/// When each event in flight is due. Written before the hand-over, which orders it.
class DueTimes {
 public:
  static constexpr std::uint64_t in_flight_max = 1 << 14;
  std::int64_t& of(std::uint64_t event) { return times_[event % in_flight_max]; }

 private:
  std::array<std::int64_t, in_flight_max> times_{};
};

/// Waits until a time by looking at the clock, as a publisher on its own core.
inline void wait_until(std::int64_t due) {
  while (now_ns() < due) {
  }
}

inline void report_percentiles(benchmark::State& state, const Histogram& latencies) {
  state.counters["p50_ns"] = latencies.at(0.5);
  state.counters["p90_ns"] = latencies.at(0.9);
  state.counters["p99_ns"] = latencies.at(0.99);
  state.counters["p99.9_ns"] = latencies.at(0.999);
  state.counters["max_ns"] = latencies.max();
}

/// What the receiving thread writes.
struct Received {
  Histogram latencies;
  clockid_t cpu_clock{};  // of the receiving thread
  std::atomic<bool> started{false};
  alignas(64) std::atomic<std::uint64_t> seen{0};

  /// On the receiving thread, once.
  void start() {
    cpu_clock = cpu_clock_of_this_thread();
    started.store(true, std::memory_order_release);
  }
};

/// One event after the other at due times, which `next_gap_ns` lays out. A Channel is
/// made of the time to spin, the due times, and the place for what it received.
template <class Channel, class Gap>
void pace(benchmark::State& state, std::chrono::microseconds spin, Gap next_gap_ns) {
  const PinnedToFirst pinned;
  const auto due_times = std::make_unique<DueTimes>();
  const auto received = std::make_unique<Received>();
  Channel channel{spin, *due_times, *received};
  while (!received->started.load(std::memory_order_acquire))
    std::this_thread::yield();
  std::uint64_t sent = 0;
  std::int64_t send_ns = 0;
  bool good = true;

  const auto start = now_ns();
  const auto cpu_start = read_ns(received->cpu_clock);
  auto due = start;
  for ([[maybe_unused]] auto _ : state) {
    channel.prepare();
    while (sent - received->seen.load(std::memory_order_acquire) >= DueTimes::in_flight_max)
      std::this_thread::yield();
    due += next_gap_ns();
    due_times->of(sent) = due;
    wait_until(due);
    const auto before = now_ns();
    good = channel.send(++sent) && good;
    send_ns += now_ns() - before;
  }
  while (good && received->seen.load(std::memory_order_acquire) < sent)
    std::this_thread::yield();
  const auto cpu = static_cast<double>(read_ns(received->cpu_clock) - cpu_start);
  state.counters["shard_cpu_percent"] = 100 * cpu / static_cast<double>(now_ns() - start);

  good = channel.stop(sent) && good;
  if (!good || received->latencies.total() != sent)
    state.SkipWithError("refused, lost or out of order");
  report_percentiles(state, received->latencies);
  state.counters["publish_ns"] = static_cast<double>(send_ns) / static_cast<double>(sent);
}

}  // namespace bench
