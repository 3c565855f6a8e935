// Question: how many deliveries a second does a publisher thread cause in process,
// by number of subscribers, of publishing threads and of users, with nothing
// lost; and does publishing allocate?
// Left out on purpose: sockets, the log, a publisher's JSON (see codec_bench.cpp).
//
// Every event is built in the loop (UUIDs, JSON text) by a builder that is kept,
// as a backend would. The publisher is pinned to the first processor, the shard to
// the second one; the shard spins. Rates are counted by wall clock, from the first
// publish until the last event was delivered: items_per_second is that, whatever
// the time column says.
#include "bench/bench_support.hpp"
#include "bench/pinned.hpp"
#include "carillon/engine/broadcaster.hpp"

#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace carillon::engine;
using bench::Clock;
using bench::user_number;

/// Counts, and checks the order; one per subscription, on the shard's thread.
class CountingSink final : public Sink {
 public:
  explicit CountingSink(std::atomic<std::uint64_t>& total) : total_{total} {}
  void on_start(const Position&) noexcept override { total_.fetch_add(1); }
  void on_events(const DeliveryBatch& batch) noexcept override {
    for (const auto& delivery : batch.deliveries) {
      ordered_ = ordered_ && delivery.event->sequence() > last_;
      last_ = delivery.event->sequence();
    }
    seen_ += batch.deliveries.size();
    total_.store(total_.load(std::memory_order_relaxed) + batch.deliveries.size(),
                 std::memory_order_release);
  }
  [[nodiscard]] bool ordered() const { return ordered_; }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }

 private:
  std::atomic<std::uint64_t>& total_;
  Sequence last_ = 0;
  std::uint64_t seen_ = 0;
  bool ordered_ = true;
};

/// Where sinks lie: side by side, a line each, in huge pages, as an embedder with a million
/// of them should have it (engine/README.md). With one allocation each, a delivery
/// waits for the address translation too.
class SinkMemory {
 public:
  [[nodiscard]] std::shared_ptr<CountingSink> make(std::atomic<std::uint64_t>& total) {
    if (chunk_ == nullptr || chunk_->made == sinks_per_chunk) chunk_ = std::make_shared<Chunk>();
    auto* sink = new (chunk_->memory + chunk_->made * sink_bytes) CountingSink{total};
    ++chunk_->made;
    return {chunk_, sink};  // the chunk lives as long as its last sink
  }

 private:
  static constexpr std::size_t sink_bytes = 64;
  static constexpr std::size_t chunk_bytes = std::size_t{2} << 20U;  // a huge page
  static constexpr std::size_t sinks_per_chunk = chunk_bytes / sink_bytes;
  static_assert(sizeof(CountingSink) <= sink_bytes);

  struct Chunk {
    Chunk()
        : memory{static_cast<std::byte*>(
              ::operator new (chunk_bytes, std::align_val_t{chunk_bytes}))} {
      static_cast<void>(madvise(memory, chunk_bytes, MADV_HUGEPAGE));  // a wish
    }
    Chunk(const Chunk&) = delete;
    Chunk& operator=(const Chunk&) = delete;
    ~Chunk() {
      for (std::size_t i = 0; i < made; ++i)
        std::launder(reinterpret_cast<CountingSink*>(memory + i * sink_bytes))->~CountingSink();
      ::operator delete (memory, std::align_val_t{chunk_bytes});
    }
    std::byte* memory;
    std::size_t made = 0;
  };

  std::shared_ptr<Chunk> chunk_;
};

EventBuilder prepared_builder(Broadcaster& broadcaster) {
  auto builder = broadcaster.event();
  builder.from_user(user_number(0))
      .with_category("pattern")
      .with_action("deploy")
      .with_severity(Severity::success)
      .with_description(std::string(120, 'x'));
  return builder;
}

/// Publishes whatever it takes; how often it was refused.
std::uint64_t publish(Broadcaster& broadcaster, NewEvent event) {
  std::uint64_t refused = 0;
  while (broadcaster.publish(event) != PublishStatus::accepted) {
    ++refused;
    std::this_thread::yield();
  }
  return refused;
}

/// One shard on the second processor, subscriptions, and what they saw.
class FanOut {
 public:
  explicit FanOut(std::chrono::nanoseconds turn_interval_max = Options{}.turn_interval_max) {
    // 1 MiB of events in flight stays in the caches of the two processors.
    Options options{.shards = 1, .queued_bytes_max = std::size_t{1} << 20U};
    options.turn_interval_max = turn_interval_max;
    options.spin = std::chrono::seconds{1};
    options.cpus = bench::second_cpu();
    broadcaster_ = std::move(*Broadcaster::create(options));
  }
  void subscribe(const UserId& user) {
    sinks_.push_back(sink_memory_.make(total_));
    handles_.push_back(broadcaster_->subscribe(user, sinks_.back()));
  }
  void wait_total(std::uint64_t count) const {
    while (total_.load(std::memory_order_acquire) < count)
      std::this_thread::yield();
  }
  void begin() {
    wait_total(sinks_.size());
    total_ = 0;
  }
  /// Each subscription saw `events`, in order.
  [[nodiscard]] bool complete(std::uint64_t events) {
    return complete(std::vector<std::uint64_t>(sinks_.size(), events));
  }
  /// The same, of each its own number.
  [[nodiscard]] bool complete(const std::vector<std::uint64_t>& events) {
    broadcaster_->stop();
    for (std::size_t i = 0; i < sinks_.size(); ++i)
      if (!sinks_[i]->ordered() || sinks_[i]->seen() != events[i]) return false;
    return true;
  }
  [[nodiscard]] Broadcaster& broadcaster() { return *broadcaster_; }

  /// Fills the queue of `user` to its bound, and again, while a sink holds the shard:
  /// pool and queues then have all the memory that they will ever need. How many
  /// events that took.
  std::uint64_t fill(const UserId& user) {
    std::atomic<bool> holding{false};
    std::atomic<bool> go_on{true};
    const auto holder = user_number(~std::uint64_t{0});
    auto handle = broadcaster_->subscribe(holder, [&](const Event&) {
      holding = true;
      while (!go_on)
        std::this_thread::yield();
      holding = false;
    });
    auto builder = prepared_builder(*broadcaster_);
    std::uint64_t events = 0;
    for (int round = 0; round < 3; ++round) {
      go_on = false;
      static_cast<void>(publish(*broadcaster_, std::move(*builder.from_user(holder).build())));
      while (!holding)
        std::this_thread::yield();
      builder.from_user(user);
      for (auto event = std::move(*builder.build());
           broadcaster_->publish(event) == PublishStatus::accepted;
           event = std::move(*builder.build()))
        ++events;
      go_on = true;
      while (holding)
        std::this_thread::yield();
      wait_total(events * sinks_.size());
    }
    total_ = 0;
    return events;
  }

 private:
  std::unique_ptr<Broadcaster> broadcaster_;
  std::atomic<std::uint64_t> total_{0};
  SinkMemory sink_memory_;
  std::vector<std::shared_ptr<CountingSink>> sinks_;
  std::vector<Subscription> handles_;
};

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

void publish_to_subscribers(benchmark::State& state) {
  const bench::PinnedToFirst pinned;
  const auto subscribers = static_cast<std::uint64_t>(state.range(0));
  FanOut fan_out;
  for (std::uint64_t i = 0; i < subscribers; ++i)
    fan_out.subscribe(user_number(0));
  fan_out.begin();
  auto builder = prepared_builder(fan_out.broadcaster());
  static_cast<void>(builder.build());  // a builder that is kept has built before
  const auto before = fan_out.fill(user_number(0));
  std::uint64_t published = 0;
  std::uint64_t refused = 0;

  const auto allocations = bench::allocations();
  const auto began = Clock::now();
  for ([[maybe_unused]] auto _ : state) {
    refused += publish(fan_out.broadcaster(), std::move(*builder.build()));
    ++published;
  }
  fan_out.wait_total(published * subscribers);
  const auto seconds = seconds_since(began);
  const auto allocated = static_cast<double>(bench::allocations() - allocations);

  if (!fan_out.complete(before + published)) state.SkipWithError("lost or out of order");
  state.counters["allocations"] = allocated;
  state.counters["allocations_per_event"] = allocated / static_cast<double>(published);
  state.counters["items_per_second"] = static_cast<double>(published * subscribers) / seconds;
  state.counters["refused_per_event"] =
      static_cast<double>(refused) / static_cast<double>(published);
}
BENCHMARK(publish_to_subscribers)->ArgName("subscribers")->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

// What does Options::turn_interval_max gain? One subscriber.
void publish_by_interval(benchmark::State& state) {
  const bench::PinnedToFirst pinned;
  FanOut fan_out{std::chrono::nanoseconds{state.range(0)}};
  fan_out.subscribe(user_number(0));
  fan_out.begin();
  auto builder = prepared_builder(fan_out.broadcaster());
  std::uint64_t published = 0;

  const auto began = Clock::now();
  for ([[maybe_unused]] auto _ : state) {
    static_cast<void>(publish(fan_out.broadcaster(), std::move(*builder.build())));
    ++published;
  }
  fan_out.wait_total(published);
  const auto seconds = seconds_since(began);

  if (!fan_out.complete(published)) state.SkipWithError("lost or out of order");
  state.counters["items_per_second"] = static_cast<double>(published) / seconds;
}
BENCHMARK(publish_by_interval)
    ->ArgName("ns")
    ->Arg(0)
    ->Arg(1'000)
    ->Arg(5'000)
    ->Arg(20'000)
    ->Arg(100'000);

// Each thread publishes to one user with ten subscribers; an iteration is one event
// of each thread. The benchmark's thread is one of them, so that its time tells how
// many iterations are enough.
void publish_from_threads(benchmark::State& state) {
  constexpr std::uint64_t subscribers = 10;
  const auto threads_count = static_cast<std::uint64_t>(state.range(0));
  FanOut fan_out;
  for (std::uint64_t i = 0; i < subscribers; ++i)
    fan_out.subscribe(user_number(0));
  fan_out.begin();
  const auto each = static_cast<std::uint64_t>(state.max_iterations);
  auto builder = prepared_builder(fan_out.broadcaster());

  const auto began = Clock::now();
  {
    std::vector<std::jthread> others;
    for (std::uint64_t i = 1; i < threads_count; ++i)
      others.emplace_back([&fan_out, each] {
        auto own_builder = prepared_builder(fan_out.broadcaster());
        for (std::uint64_t event = 0; event < each; ++event)
          static_cast<void>(publish(fan_out.broadcaster(), std::move(*own_builder.build())));
      });
    for ([[maybe_unused]] auto _ : state)
      static_cast<void>(publish(fan_out.broadcaster(), std::move(*builder.build())));
  }
  const auto events = each * threads_count;
  fan_out.wait_total(events * subscribers);
  const auto seconds = seconds_since(began);

  if (!fan_out.complete(events)) state.SkipWithError("lost or out of order");
  state.counters["items_per_second"] = static_cast<double>(events * subscribers) / seconds;
  state.counters["events_per_second"] = static_cast<double>(events) / seconds;
}
BENCHMARK(publish_from_threads)->ArgName("threads")->Arg(1)->Arg(2)->Arg(4)->Arg(8);

// A multiplier coprime to any power of ten visits every user.
std::uint64_t scattered(std::uint64_t event, std::uint64_t users) {
  return event * 7'368'787 % users;
}

// Does a publish cost more when there are more users? All have one subscriber; the
// events go to them in a scattered order.
void publish_to_users(benchmark::State& state) {
  const bench::PinnedToFirst pinned;
  const auto users = static_cast<std::uint64_t>(state.range(0));
  FanOut fan_out;
  for (std::uint64_t i = 0; i < users; ++i)
    fan_out.subscribe(user_number(i));
  fan_out.begin();
  auto builder = prepared_builder(fan_out.broadcaster());
  std::uint64_t published = 0;

  const auto began = Clock::now();
  for ([[maybe_unused]] auto _ : state) {
    builder.from_user(user_number(scattered(published, users)));
    static_cast<void>(publish(fan_out.broadcaster(), std::move(*builder.build())));
    ++published;
  }
  fan_out.wait_total(published);
  const auto seconds = seconds_since(began);

  std::vector<std::uint64_t> expected(users, published / users);
  for (std::uint64_t event = 0; event < published % users; ++event)
    ++expected[scattered(event, users)];
  if (!fan_out.complete(expected)) state.SkipWithError("lost, out of order or another user's");
  state.counters["items_per_second"] = static_cast<double>(published) / seconds;
}
BENCHMARK(publish_to_users)->ArgName("users")->Arg(1)->Arg(1'000)->Arg(1'000'000);

// Floor of building, kept or anew: the memory traffic of the text.
void event_build_floor(benchmark::State& state) {
  std::vector<char> from(900, 'x');
  std::vector<char> to(900);
  for ([[maybe_unused]] auto _ : state) {
    std::copy(from.begin(), from.end(), to.begin());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_build_floor);
BENCHMARK(event_build_floor)->Name("event_build_anew_floor");

void event_build(benchmark::State& state) {
  EventPool pool;
  EventBuilder builder{pool};
  builder.from_user(user_number(0))
      .with_category("pattern")
      .with_action("deploy")
      .with_severity(Severity::success)
      .with_description(std::string(120, 'x'));
  for ([[maybe_unused]] auto _ : state) {
    auto event = std::move(*builder.build());
    benchmark::DoNotOptimize(event);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_build);

// The description differs each time, so everything is checked and encoded anew.
void event_build_anew(benchmark::State& state) {
  EventPool pool;
  EventBuilder builder{pool};
  builder.from_user(user_number(0))
      .with_category("pattern")
      .with_action("deploy")
      .with_severity(Severity::success);
  const std::string description(120, 'x');
  for ([[maybe_unused]] auto _ : state) {
    auto event = std::move(*builder.with_description(description).build());
    benchmark::DoNotOptimize(event);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_build_anew);

}  // namespace
