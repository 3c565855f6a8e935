// Question: how long does an event take from its publisher to its sink when the
// shard is idle, and what does looking for work (Options::spin) cost for that?
// Left out on purpose: throughput (publish_bench), sockets, building the event,
// which happens before the clock starts.
//
// Open loop: event n is due at a time that was fixed before, and its latency counts
// from there, so that a publisher who comes late does not hide it. The publisher
// spins on the first processor (the benchmark's thread), the shard lives on the
// second one.
// handoff_latency: an event every 10 µs, the shard spins. handoff_latency_asleep: an
// event every 200 µs, the shard sleeps between them. wakeup_spin: exponential gaps
// around 10,000 events/s (wakeup_spin_rare: 1,000), latency beside the CPU time of
// the shard's thread (shard_cpu_percent), by spin time; the default of Options::spin
// is chosen by these.
// The floors keep pace and clock and put one word in the place of the engine, spun
// on, slept on in the kernel, or both.
// Read the percentiles; time and iterations are those of the pace. publish_ns is what
// publish cost its caller, reading the clock once included.
#include "bench/bench_support.hpp"
#include "bench/pace.hpp"
#include "bench/pinned.hpp"
#include "carillon/engine/broadcaster.hpp"

#include <benchmark/benchmark.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <utility>

namespace {

using namespace carillon::engine;
using bench::DueTimes;
using bench::now_ns;
using bench::pace;
using bench::Received;
using std::chrono::microseconds;

constexpr microseconds always{1'000'000};  // longer than any gap here
constexpr std::int64_t spinning_gap_ns = 10'000;
constexpr std::int64_t sleeping_gap_ns = 200'000;

class LatencySink final : public Sink {
 public:
  LatencySink(DueTimes& due, Received& received) : due_{due}, received_{received} {}
  void on_start(const Position&) noexcept override { received_.start(); }
  void on_events(const DeliveryBatch& batch) noexcept override {
    const auto now = now_ns();
    auto seen = received_.seen.load(std::memory_order_relaxed);
    for (const auto& delivery : batch.deliveries) {
      received_.latencies.add(now - due_.of(seen++));
      ordered_ = ordered_ && delivery.event->sequence() > last_;
      last_ = delivery.event->sequence();
    }
    received_.seen.store(seen, std::memory_order_release);
  }
  // After the broadcaster has stopped.
  [[nodiscard]] bool ordered() const { return ordered_; }

 private:
  DueTimes& due_;
  Received& received_;
  Sequence last_ = 0;
  bool ordered_ = true;
};

/// A broadcaster with one shard and one subscription.
class EngineChannel {
 public:
  EngineChannel(microseconds spin, DueTimes& due, Received& received)
      : sink_{std::make_shared<LatencySink>(due, received)} {
    Options options{.shards = 1};
    options.spin = spin;
    options.cpus = bench::second_cpu();
    broadcaster_ = std::move(*Broadcaster::create(options));
    subscription_ = broadcaster_->subscribe(user_, sink_);
    builder_ = std::make_unique<EventBuilder>(broadcaster_->event());
    builder_->from_user(user_)
        .with_category("pattern")
        .with_action("deploy")
        .with_severity(Severity::success)
        .with_description("Pattern deployed");
  }
  void prepare() { event_ = std::move(*builder_->build()); }
  bool send(std::uint64_t /*number*/) {
    return broadcaster_->publish(event_) == PublishStatus::accepted;
  }
  /// True if everything came in order.
  bool stop(std::uint64_t /*sent*/) {
    subscription_.cancel();
    broadcaster_->stop();
    return sink_->ordered();
  }

 private:
  const UserId user_ = bench::user_number(1);
  std::shared_ptr<LatencySink> sink_;
  std::unique_ptr<Broadcaster> broadcaster_;
  Subscription subscription_;
  std::unique_ptr<EventBuilder> builder_;
  NewEvent event_;
};

/// Floor: a word that counts the events. The receiver looks at it for the spin time,
/// then sleeps in the kernel; the sender makes a system call only if it sleeps.
class WordChannel {
 public:
  WordChannel(microseconds spin, DueTimes& due, Received& received)
      : thread_{[this, spin, &due, &received] {
          bench::pin_this_thread(1);
          received.start();
          run(spin, due, received);
        }} {}
  void prepare() {}
  bool send(std::uint64_t number) {
    word_.store(static_cast<std::uint32_t>(number) << 1U, std::memory_order_seq_cst);
    wake();
    return true;
  }
  bool stop(std::uint64_t sent) {
    word_.store((static_cast<std::uint32_t>(sent) << 1U) | 1U, std::memory_order_seq_cst);
    wake();
    thread_.join();
    return true;
  }

 private:
  // seq_cst throughout: either the receiver sees the new word before it sleeps, or
  // the sender sees that it is about to.
  void wake() {
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void run(microseconds spin, DueTimes& due, Received& received) {
    for (std::uint32_t last = 0;;) {
      const auto word = wait_for_change(last << 1U, spin);
      const auto now = now_ns();
      auto seen = received.seen.load(std::memory_order_relaxed);
      for (; last != word >> 1U; ++last)
        received.latencies.add(now - due.of(seen++));
      received.seen.store(seen, std::memory_order_release);
      if ((word & 1U) != 0) return;
    }
  }
  std::uint32_t wait_for_change(std::uint32_t old, microseconds spin) {
    auto word = word_.load(std::memory_order_acquire);
    if (spin.count() > 0) {
      const auto end = now_ns() + std::chrono::nanoseconds{spin}.count();
      do {
        for (int look = 0; look < 16 && word == old; ++look)
          word = word_.load(std::memory_order_acquire);
      } while (word == old && now_ns() < end);
    }
    while (word == old) {
      asleep_.store(true, std::memory_order_seq_cst);
      if (word_.load(std::memory_order_seq_cst) == old)
        syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
      asleep_.store(false, std::memory_order_relaxed);
      word = word_.load(std::memory_order_acquire);
    }
    return word;
  }

  alignas(64) std::atomic<std::uint32_t> word_{0};
  alignas(64) std::atomic<bool> asleep_{false};
  std::thread thread_;  // last: it uses the others
};

template <class Channel>
void handoff_latency(benchmark::State& state) {
  pace<Channel>(state, always, [] { return spinning_gap_ns; });
}
BENCHMARK(handoff_latency<WordChannel>)->Name("handoff_latency_floor");
BENCHMARK(handoff_latency<EngineChannel>)->Name("handoff_latency");

template <class Channel>
void handoff_latency_asleep(benchmark::State& state) {
  pace<Channel>(state, microseconds{0}, [] { return sleeping_gap_ns; });
}
BENCHMARK(handoff_latency_asleep<WordChannel>)->Name("handoff_latency_asleep_floor");
BENCHMARK(handoff_latency_asleep<EngineChannel>)->Name("handoff_latency_asleep");

template <class Channel>
void wakeup_spin(benchmark::State& state, double events_per_s) {
  std::mt19937_64 random{42};
  std::exponential_distribution<double> gap_ns{events_per_s / 1e9};
  pace<Channel>(state, microseconds{state.range(0)},
                [&] { return static_cast<std::int64_t>(gap_ns(random)); });
}
template <class Channel>
void wakeup_spin_often(benchmark::State& state) {
  wakeup_spin<Channel>(state, 10'000);
}
template <class Channel>
void wakeup_spin_rare(benchmark::State& state) {
  wakeup_spin<Channel>(state, 1'000);
}

void spin_times(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("us")->Arg(0)->Arg(1)->Arg(5)->Arg(20)->Arg(50)->Arg(200);
}

BENCHMARK(wakeup_spin_often<WordChannel>)->Name("wakeup_spin_floor")->Apply(spin_times);
BENCHMARK(wakeup_spin_often<EngineChannel>)->Name("wakeup_spin")->Apply(spin_times);
BENCHMARK(wakeup_spin_rare<WordChannel>)->Name("wakeup_spin_rare_floor")->Apply(spin_times);
BENCHMARK(wakeup_spin_rare<EngineChannel>)->Name("wakeup_spin_rare")->Apply(spin_times);

}  // namespace
