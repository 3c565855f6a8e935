// Question: how many deliveries a second does one publisher thread cause in
// process, by number of subscribers, with nothing lost?
// Left out on purpose: sockets, the log, building the event's JSON elsewhere
// than on the publisher's thread.
#include "carillon/engine/broadcaster.hpp"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace carillon::engine;

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

UserId bench_user() {
  UserId user;
  user.bytes.fill(0x11);
  return user;
}

NewEvent build(EventBuilder& builder) {
  return std::move(*builder.build());
}

void publish_to_subscribers(benchmark::State& state) {
  const auto subscribers = static_cast<std::uint64_t>(state.range(0));
  auto made = Broadcaster::create({.shards = 1, .spin = std::chrono::milliseconds{1}});
  auto& broadcaster = **made;
  std::atomic<std::uint64_t> total{0};
  std::vector<std::shared_ptr<CountingSink>> sinks;
  std::vector<Subscription> handles;
  for (std::uint64_t i = 0; i < subscribers; ++i) {
    sinks.push_back(std::make_shared<CountingSink>(total));
    handles.push_back(broadcaster.subscribe(bench_user(), sinks.back()));
  }
  while (total.load() < subscribers)
    std::this_thread::yield();
  total = 0;
  auto builder = broadcaster.event();
  builder.from_user(bench_user())
      .with_category("pattern")
      .with_action("deploy")
      .with_severity(Severity::success)
      .with_description(std::string(120, 'x'));
  std::uint64_t published = 0;
  std::uint64_t refused = 0;

  for ([[maybe_unused]] auto _ : state) {
    auto event = build(builder);
    while (broadcaster.publish(event) != PublishStatus::accepted) {
      ++refused;
      std::this_thread::yield();
    }
    ++published;
  }
  // Counted only once everything is delivered, so that none is still queued.
  while (total.load(std::memory_order_acquire) < published * subscribers)
    std::this_thread::yield();

  broadcaster.stop();
  for (const auto& sink : sinks)
    if (!sink->ordered() || sink->seen() != published) state.SkipWithError("lost or out of order");
  state.SetItemsProcessed(static_cast<std::int64_t>(published * subscribers));
  state.counters["refused_per_event"] =
      static_cast<double>(refused) / static_cast<double>(published);
}
BENCHMARK(publish_to_subscribers)
    ->ArgName("subscribers")
    ->Arg(1)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->UseRealTime();

void event_build(benchmark::State& state) {
  EventPool pool;
  EventBuilder builder{pool};
  builder.from_user(bench_user())
      .with_category("pattern")
      .with_action("deploy")
      .with_severity(Severity::success)
      .with_description(std::string(120, 'x'));
  for ([[maybe_unused]] auto _ : state) {
    auto event = build(builder);
    benchmark::DoNotOptimize(event);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_build);

}  // namespace

BENCHMARK_MAIN();
