// Question: what would the work of publish_bench cost without the engine?
//
// The floors keep what no broadcaster can leave out: the text of each event is
// written by the publisher (one copy of prepared bytes), crosses to the other
// processor through a ring, and is handed to each receiver, a batch a virtual call,
// which counts and checks the order. They have no sequences, validation, UUIDs, filters or
// subscriptions that come and go. Each publishing thread has its own ring, so there
// is no order across publishers. Pinned and counted as in publish_bench.
#include "bench/bench_support.hpp"
#include "bench/pinned.hpp"

#include <benchmark/benchmark.h>
#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace {

using bench::user_number;
using bench::WallRate;
using carillon::engine::UserId;

constexpr std::size_t event_bytes = 900;
using EventText = std::array<char, event_bytes>;

struct Slot;

class Receiver {
 public:
  Receiver() = default;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  virtual ~Receiver() = default;
  virtual void on_events(std::span<const Slot> slots) noexcept = 0;
};
using Receivers = std::span<Receiver* const>;

struct alignas(64) Slot {
  Receivers receivers;
  std::uint64_t number = 0;
  EventText text{};
};

class CountingReceiver final : public Receiver {
 public:
  void on_events(std::span<const Slot> slots) noexcept override {
    for (const auto& slot : slots) {
      ordered_ = ordered_ && slot.number > last_;
      last_ = slot.number;
    }
    seen_ += slots.size();
  }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  [[nodiscard]] bool ordered() const { return ordered_; }

 private:
  std::uint64_t last_ = 0;
  std::uint64_t seen_ = 0;
  bool ordered_ = true;
};

/// One publisher's ring; a full one makes its publisher wait.
class Ring {
 public:
  void publish(Receivers receivers, const EventText& text) noexcept {
    while (pushed_local_ - taken_seen_ == slots_.size()) {
      taken_seen_ = taken_.load(std::memory_order_acquire);
      if (pushed_local_ - taken_seen_ == slots_.size()) std::this_thread::yield();
    }
    auto& slot = slots_[pushed_local_ % slots_.size()];
    slot.receivers = receivers;
    slot.number = ++pushed_local_;
    slot.text = text;
    pushed_.store(pushed_local_, std::memory_order_release);
  }
  /// The other side: how many were delivered.
  std::uint64_t deliver() noexcept {
    const auto pushed = pushed_.load(std::memory_order_acquire);
    const auto count = pushed - taken_local_;
    while (taken_local_ < pushed) {
      const auto batch = batch_until(pushed);
      for (auto* receiver : batch.front().receivers)
        receiver->on_events(batch);
      taken_local_ += batch.size();
      taken_.store(taken_local_, std::memory_order_release);
    }
    return count;
  }

 private:
  /// The next slots that go to the same receivers.
  [[nodiscard]] std::span<const Slot> batch_until(std::uint64_t pushed) const noexcept {
    const auto first = taken_local_ % slots_.size();
    const auto limit = std::min({std::size_t{256}, pushed - taken_local_, slots_.size() - first});
    std::size_t count = 1;
    while (count < limit &&
           slots_[first + count].receivers.data() == slots_[first].receivers.data())
      ++count;
    return {&slots_[first], count};
  }

  std::vector<Slot> slots_ = std::vector<Slot>(1024);
  // The publisher's.
  alignas(64) std::uint64_t pushed_local_ = 0;
  std::uint64_t taken_seen_ = 0;
  alignas(64) std::atomic<std::uint64_t> pushed_{0};
  alignas(64) std::atomic<std::uint64_t> taken_{0};
  std::uint64_t taken_local_ = 0;  // the deliverer's
};

/// Receivers, rings, and the thread on the second processor that goes round them.
class FloorFanOut {
 public:
  FloorFanOut(std::size_t receivers, std::size_t publishers) : rings_(publishers) {
    for (std::size_t i = 0; i < receivers; ++i) {
      owned_.push_back(std::make_unique<CountingReceiver>());
      receivers_.push_back(owned_.back().get());
    }
    for (auto& ring : rings_)
      ring = std::make_unique<Ring>();
    thread_ = std::thread{[this] { run(); }};
  }
  FloorFanOut(const FloorFanOut&) = delete;
  FloorFanOut& operator=(const FloorFanOut&) = delete;
  ~FloorFanOut() { stop(); }

  [[nodiscard]] Receivers all() const { return receivers_; }
  [[nodiscard]] Ring& ring(std::size_t publisher) { return *rings_[publisher]; }
  void wait_delivered(std::uint64_t events) const {
    while (delivered_.load(std::memory_order_acquire) < events)
      std::this_thread::yield();
  }
  /// All receivers together saw that many, each in its publisher's order if there
  /// is one publisher only.
  [[nodiscard]] bool complete(std::uint64_t deliveries) {
    stop();
    std::uint64_t seen = 0;
    bool ordered = true;
    for (const auto& receiver : owned_) {
      seen += receiver->seen();
      ordered = ordered && receiver->ordered();
    }
    return seen == deliveries && (ordered || rings_.size() > 1);
  }

 private:
  void run() {
    bench::pin_this_thread(1);
    while (!stop_.load(std::memory_order_relaxed)) {
      // As the engine's turns: close on a publisher's heels, both would wait for
      // each other's cache lines.
      const auto next_round = bench::Clock::now() + std::chrono::microseconds{1};
      std::uint64_t delivered = 0;
      for (auto& ring : rings_)
        delivered += ring->deliver();
      if (delivered > 0)
        delivered_.store(delivered_.load(std::memory_order_relaxed) + delivered,
                         std::memory_order_release);
      while (bench::Clock::now() < next_round) {
      }
    }
  }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  std::vector<std::unique_ptr<CountingReceiver>> owned_;
  std::vector<Receiver*> receivers_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<std::uint64_t> delivered_{0};
  std::thread thread_;
};

void publish_to_subscribers_floor(benchmark::State& state) {
  const bench::PinnedToFirst pinned;
  const auto subscribers = static_cast<std::uint64_t>(state.range(0));
  FloorFanOut fan_out{subscribers, 1};
  const EventText text{};
  std::uint64_t published = 0;

  const WallRate rate;
  for ([[maybe_unused]] auto _ : state) {
    fan_out.ring(0).publish(fan_out.all(), text);
    ++published;
  }
  fan_out.wait_delivered(published);
  rate.report(state, published * subscribers);

  if (!fan_out.complete(published * subscribers)) state.SkipWithError("lost or out of order");
}
BENCHMARK(publish_to_subscribers_floor)
    ->ArgName("subscribers")
    ->Arg(1)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000);

// As there, the benchmark's thread is one of the publishers.
void publish_from_threads_floor(benchmark::State& state) {
  constexpr std::uint64_t subscribers = 10;
  const auto threads_count = static_cast<std::size_t>(state.range(0));
  FloorFanOut fan_out{subscribers, threads_count};
  const auto each = static_cast<std::uint64_t>(state.max_iterations);
  const EventText text{};
  const auto events = each * threads_count;

  const WallRate rate;
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < threads_count; ++i)
      others.emplace_back([&fan_out, &text, each, i] {
        for (std::uint64_t event = 0; event < each; ++event)
          fan_out.ring(i).publish(fan_out.all(), text);
      });
    for ([[maybe_unused]] auto _ : state)
      fan_out.ring(0).publish(fan_out.all(), text);
  }
  fan_out.wait_delivered(events);
  rate.report(state, events * subscribers);

  if (!fan_out.complete(events * subscribers)) state.SkipWithError("lost");
}
BENCHMARK(publish_from_threads_floor)->ArgName("threads")->Arg(1)->Arg(2)->Arg(4)->Arg(8);

// The publisher looks its user up in a map that nobody changes.
void publish_to_users_floor(benchmark::State& state) {
  const bench::PinnedToFirst pinned;
  const auto users = static_cast<std::uint64_t>(state.range(0));
  FloorFanOut fan_out{users, 1};
  boost::unordered_flat_map<UserId, std::size_t, std::hash<UserId>> index;
  for (std::uint64_t i = 0; i < users; ++i)
    index.emplace(user_number(i), i);
  const EventText text{};
  std::uint64_t published = 0;

  const WallRate rate;
  for ([[maybe_unused]] auto _ : state) {
    const auto found = index.find(user_number(published * 7'368'787 % users));
    fan_out.ring(0).publish(fan_out.all().subspan(found->second, 1), text);
    ++published;
  }
  fan_out.wait_delivered(published);
  rate.report(state, published);

  if (!fan_out.complete(published)) state.SkipWithError("lost or out of order");
}
BENCHMARK(publish_to_users_floor)->ArgName("users")->Arg(1)->Arg(1'000)->Arg(1'000'000);

}  // namespace
