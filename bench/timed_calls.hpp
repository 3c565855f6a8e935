#pragma once

#include "bench/bench_support.hpp"
#include "bench/histogram.hpp"
#include "bench/pace.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>

namespace bench {

/// Times single calls: for the benchmark's own time, and for percentiles. REQUIRES that
/// the rest of the iteration is Untimed.
class TimedCalls {
 public:
  template <class Call>
  auto time(benchmark::State& state, Call call) {
    state.ResumeTiming();
    const auto begun = now_ns();
    auto answer = call();
    const auto took = now_ns() - begun;
    state.PauseTiming();
    latencies_.add(took);
    total_ns_ += took;
    return answer;
  }
  void report(benchmark::State& state, std::size_t items_each) const {
    const auto items = latencies_.total() * items_each;
    state.counters["items_per_second"] =
        static_cast<double>(items) * 1e9 / static_cast<double>(total_ns_);
    report_percentiles(state, latencies_);
  }

 private:
  Histogram latencies_;
  std::int64_t total_ns_ = 0;
};

}  // namespace bench
