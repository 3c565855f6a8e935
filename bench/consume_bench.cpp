// Question: what does each way to consume cost, against the bare sink, when a
// publisher does nothing but publish?
// Left out on purpose: what a consumer does with an event; it only counts.
//
// Two processors: the publisher and the shard. A pull consumer is a third thread,
// so its figure includes that the three share them; the shard doesn't spin.
#include "bench/pinned.hpp"
#include "carillon/engine/broadcaster.hpp"

#include <benchmark/benchmark.h>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace carillon::engine;

const UserId user{.bytes = {0x11}};

class Publishing {
 public:
  Publishing()
      : broadcaster_{std::move(
            *Broadcaster::create({.shards = 1, .queued_bytes_max = std::size_t{1} << 20U}))},
        builder_{broadcaster_->event()} {
    builder_.from_user(user)
        .with_category("pattern")
        .with_action("deploy")
        .with_severity(Severity::success)
        .with_description(std::string(120, 'x'));
  }
  /// Publishes in the loop until everything was consumed.
  void run(benchmark::State& state, const std::atomic<std::uint64_t>& consumed) {
    std::uint64_t published = 0;
    for ([[maybe_unused]] auto _ : state) {
      auto event = std::move(*builder_.build());
      while (broadcaster_->publish(event) != PublishStatus::accepted)
        std::this_thread::yield();
      ++published;
    }
    while (consumed.load(std::memory_order_acquire) < published)
      std::this_thread::yield();
    broadcaster_->stop();  // whatever came twice has come then
    if (consumed.load(std::memory_order_acquire) != published)
      state.SkipWithError("more was consumed than published");
    state.SetItemsProcessed(static_cast<std::int64_t>(published));
  }
  [[nodiscard]] Broadcaster& broadcaster() { return *broadcaster_; }

 private:
  std::unique_ptr<Broadcaster> broadcaster_;
  EventBuilder builder_;
};

void count(std::atomic<std::uint64_t>& consumed, std::uint64_t events) {
  consumed.store(consumed.load(std::memory_order_relaxed) + events, std::memory_order_release);
}

/// Nothing is lost: what a policy could skip would hang the benchmark.
QueueOptions lossless() {
  return {.bytes_max = std::size_t{64} << 20U};
}

struct CountingSink final : Sink {
  void on_start(const Position&) noexcept override {}
  void on_events(const DeliveryBatch& batch) noexcept override {
    count(consumed, batch.deliveries.size());
  }
  std::atomic<std::uint64_t> consumed{0};
};

void consume_sink(benchmark::State& state) {
  Publishing publishing;
  const auto sink = std::make_shared<CountingSink>();
  const auto subscription = publishing.broadcaster().subscribe(user, sink);
  publishing.run(state, sink->consumed);
}
BENCHMARK(consume_sink)->UseRealTime();

void consume_batches(benchmark::State& state) {
  Publishing publishing;
  std::atomic<std::uint64_t> consumed{0};
  const auto subscription = publishing.broadcaster().subscribe_batches(
      user, {.on_events = [&consumed](const Batch& batch) {
        count(consumed, batch.deliveries.size());
        return Demand::more;
      }});
  publishing.run(state, consumed);
}
BENCHMARK(consume_batches)->UseRealTime();

void consume_pull(benchmark::State& state) {
  Publishing publishing;
  std::atomic<std::uint64_t> consumed{0};
  auto subscription = publishing.broadcaster().subscribe_pull(user, lossless());
  std::jthread consumer{[&] {
    while (subscription.next().event() != nullptr)
      count(consumed, 1);
  }};
  publishing.run(state, consumed);
  subscription.cancel();
}
BENCHMARK(consume_pull)->UseRealTime();

struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

Detached consume_all(AsyncSubscription& subscription, std::atomic<std::uint64_t>& consumed) {
  while (true) {
    const auto received = co_await subscription.next();
    if (received.event() == nullptr) co_return;
    count(consumed, 1);
  }
}

void consume_async(benchmark::State& state) {
  Publishing publishing;
  std::atomic<std::uint64_t> consumed{0};
  auto subscription = publishing.broadcaster().subscribe_async(user, {.queue = lossless()});
  consume_all(subscription, consumed);
  publishing.run(state, consumed);
}
BENCHMARK(consume_async)->UseRealTime();

}  // namespace
