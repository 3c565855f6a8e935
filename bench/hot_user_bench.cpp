// Question: what does it bring to spread the subscriptions of one very hot user over
// the shards (SubscribeOptions::shard), one hand-over per shard, against the user's
// shard alone?
// Left out on purpose: sockets. A sink that reads nothing shows what spreading costs,
// one that copies the event's JSON stands for one that works.
//
// 1,000 subscriptions; with two shards the publisher shares a processor with one.
#include "bench/bench_support.hpp"
#include "bench/pinned.hpp"
#include "carillon/engine/broadcaster.hpp"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace carillon::engine;

constexpr std::size_t subscriptions = 1'000;

/// Counts, checks the order, and copies the JSON if it is asked to.
struct CountingSink : Sink {
  explicit CountingSink(bool copies_json) : copies{copies_json} {}
  void on_start(const Position&) noexcept override { started.store(true); }
  void on_events(const DeliveryBatch& batch) noexcept override {
    for (const auto& delivery : batch.deliveries) {
      ordered = ordered && delivery.event->sequence() > last;
      last = delivery.event->sequence();
      if (copies) text.assign(delivery.event->json());
    }
    seen.store(seen.load(std::memory_order_relaxed) + batch.deliveries.size(),
               std::memory_order_release);
  }
  const bool copies;
  std::string text;
  std::atomic<bool> started{false};
  std::atomic<std::uint64_t> seen{0};
  Sequence last = 0;
  bool ordered = true;
};

void publish_to_hot_user(benchmark::State& state) {
  const auto shards = static_cast<ShardIndex>(state.range(0));
  Options options{.shards = shards, .queued_bytes_max = std::size_t{1} << 20U};
  if (shards == 1) options.cpus = bench::second_cpu();
  const auto broadcaster = std::move(*Broadcaster::create(options));
  const auto user = bench::user_number(1);
  std::vector<std::shared_ptr<CountingSink>> sinks;
  std::vector<Subscription> handles;
  for (std::size_t i = 0; i < subscriptions; ++i) {
    sinks.push_back(std::make_shared<CountingSink>(state.range(1) != 0));
    handles.push_back(
        broadcaster->subscribe(user, sinks.back(), {.shard = static_cast<ShardIndex>(i % shards)}));
  }
  const auto wait_all = [&sinks](const auto& reached) {
    for (const auto& sink : sinks)
      while (!reached(*sink))
        std::this_thread::yield();
  };
  wait_all([](const CountingSink& sink) { return sink.started.load(); });
  auto builder = broadcaster->event();
  builder.from_user(user)
      .with_category("pattern")
      .with_action("deploy")
      .with_severity(Severity::success)
      .with_description(std::string(120, 'x'));

  std::uint64_t published = 0;
  const auto began = bench::now_ns();
  for ([[maybe_unused]] auto _ : state) {
    auto event = std::move(*builder.build());
    while (broadcaster->publish(event) != PublishStatus::accepted)
      std::this_thread::yield();
    ++published;
  }
  wait_all([published](const CountingSink& sink) {
    return sink.seen.load(std::memory_order_acquire) == published;
  });
  const auto seconds = static_cast<double>(bench::now_ns() - began) / 1e9;
  broadcaster->stop();

  for (const auto& sink : sinks)
    if (!sink->ordered) state.SkipWithError("out of order");
  state.counters["items_per_second"] = static_cast<double>(published * subscriptions) / seconds;
}
BENCHMARK(publish_to_hot_user)
    ->ArgNames({"shards", "copies"})
    ->Args({1, 0})
    ->Args({2, 0})
    ->Args({1, 1})
    ->Args({2, 1});

}  // namespace
