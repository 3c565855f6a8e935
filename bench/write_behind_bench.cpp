// Question: how many events a second does the writer make durable while one shard
// appends as fast as it gets its credit back, and how long does an event wait for its
// acknowledgement at a given rate?
// Left out on purpose: the shard's own work, the network.
//
// The shard is the benchmark's thread. Latency is open loop: from when an event was
// due, in bursts of a millisecond's events, until the log reports it.
#include "bench/bench_support.hpp"
#include "bench/histogram.hpp"
#include "bench/pace.hpp"
#include "bench/store_rig.hpp"
#include "carillon/persistence/store_readers.hpp"
#include "carillon/persistence/write_behind.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace {

using namespace carillon::engine;
using carillon::persistence::StoreReaders;
using carillon::persistence::WriteBehind;

/// Hears what is durable: in order, with the time since it was due.
class Committed final : public LogObserver {
 public:
  void on_committed(std::span<LogEntry> entries) noexcept override {
    const auto now = bench::now_ns();
    for (const auto& entry : entries) {
      ordered_ = ordered_ && entry.sequence > last_;
      last_ = entry.sequence;
      latencies_.add(now - static_cast<std::int64_t>(entry.ack.token));
    }
    seen_.fetch_add(entries.size(), std::memory_order_release);
  }
  void on_abandoned(std::span<LogEntry> /*entries*/) noexcept override { ordered_ = false; }

  [[nodiscard]] std::uint64_t seen() const noexcept {
    return seen_.load(std::memory_order_acquire);
  }
  // Once the writer has stopped.
  [[nodiscard]] bool ordered() const noexcept { return ordered_; }
  [[nodiscard]] const bench::Histogram& latencies() const noexcept { return latencies_; }

 private:
  bench::Histogram latencies_;
  Sequence last_ = 0;
  bool ordered_ = true;
  std::atomic<std::uint64_t> seen_{0};
};

/// A store with its writer, filled with what the benchmark asks for.
struct Writer {
  explicit Writer(std::uint64_t rows)
      : store{bench::store_with(rows)},
        source{store->origin().first_sequence},
        log{*store, readers} {
    log.attach(observer);
  }

  void append(std::vector<LogEntry>& batch, std::int64_t due) {
    for (auto& entry : batch)
      entry.ack.token = static_cast<std::uint64_t>(due);
    log.append(0, batch);
  }
  void finish(benchmark::State& state, std::uint64_t appended) {
    log.stop(std::chrono::seconds{30});
    readers.stop();
    const auto metrics = log.metrics();
    state.counters["batch"] =
        static_cast<double>(metrics.committed_total) /
        static_cast<double>(std::max<std::uint64_t>(metrics.commits_total, 1));
    if (observer.seen() != appended || !observer.ordered())
      state.SkipWithError("lost, abandoned or out of order");
  }

  bench::StoreInUse store;
  bench::EventSource source;
  Committed observer;
  StoreReaders readers;
  WriteBehind log;
};

/// Closed loop: at most this many events are on their way.
void write_behind(benchmark::State& state) {
  constexpr std::uint64_t in_flight_max = 8'192;
  constexpr std::size_t turn = 64;
  Writer writer{static_cast<std::uint64_t>(state.range(0))};
  std::vector<LogEntry> batch;
  std::uint64_t appended = 0;
  const bench::WallRate rate;
  for ([[maybe_unused]] auto _ : state) {
    writer.source.fill(batch, turn);
    while (appended + turn - writer.observer.seen() > in_flight_max)
      std::this_thread::sleep_for(std::chrono::microseconds{100});
    writer.append(batch, bench::now_ns());
    appended += turn;
  }
  while (writer.observer.seen() < appended)
    std::this_thread::sleep_for(std::chrono::microseconds{100});
  rate.report(state, appended);
  writer.finish(state, appended);
  bench::report_percentiles(state, writer.observer.latencies());
}
BENCHMARK(write_behind)->ArgName("rows")->Arg(0)->Arg(1'000'000)->Arg(10'000'000)->UseRealTime();

void write_behind_latency(benchmark::State& state) {
  Writer writer{bench::rows_for_reads()};
  const auto burst = static_cast<std::size_t>(state.range(0)) / 1'000;
  std::vector<LogEntry> batch;
  std::uint64_t appended = 0;
  auto due = bench::now_ns();
  for ([[maybe_unused]] auto _ : state) {
    writer.source.fill(batch, burst);
    due += 1'000'000;
    std::this_thread::sleep_until(bench::Clock::time_point{std::chrono::nanoseconds{due}});
    writer.append(batch, due);
    appended += burst;
  }
  writer.finish(state, appended);
  bench::report_percentiles(state, writer.observer.latencies());
}
BENCHMARK(write_behind_latency)
    ->ArgName("per_second")
    ->Arg(1'000)
    ->Arg(20'000)
    ->Arg(60'000)
    ->UseRealTime();

}  // namespace
