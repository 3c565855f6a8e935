// Question: how many short lives of a subscription a second (subscribe, publish one
// event to it, cancel) does one thread bring about, and do they hold memory?
// Left out on purpose: the network's handshake, filters, joining from a cursor.
//
// An iteration is one life, which must hear exactly its own event. churn goes round
// 1,000 users, so a mailbox is opened and closed for each life; churn_one_user stays
// with one, whose mailbox may stay open from life to life. The publisher is pinned to
// the first processor, the shard to the second one, and spins. At most 1,024 lives
// are under way. items_per_second is by wall clock.
// The floor allocates and frees the blocks that a life takes (a subscription's, its
// sink's, an event's text, which is copied) on one thread.
#include "bench/bench_support.hpp"
#include "bench/pinned.hpp"
#include "carillon/engine/broadcaster.hpp"
#include "engine/src/subscription_state.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace carillon::engine;
using bench::PinnedToFirst;
using bench::user_number;
using bench::WallRate;

constexpr std::uint64_t lives_max = 1024;

/// What the lives came to. The shard's thread writes.
struct Tally {
  std::atomic<std::uint64_t> ended{0};
  std::uint64_t deliveries = 0;
  std::uint64_t deaf = 0;  // lives that heard nothing
};

/// One life's.
class LifeSink final : public Sink {
 public:
  explicit LifeSink(Tally& tally) : tally_{tally} {}
  void on_events(const DeliveryBatch& batch) noexcept override { seen_ += batch.deliveries.size(); }
  void on_end(EndReason) noexcept override {
    tally_.deliveries += seen_;
    if (seen_ == 0) ++tally_.deaf;
    tally_.ended.store(tally_.ended.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  Tally& tally_;
  std::uint64_t seen_ = 0;
};

void wait_ended(const std::atomic<std::uint64_t>& ended, std::uint64_t count) {
  while (ended.load(std::memory_order_acquire) < count)
    std::this_thread::yield();
}

void live_and_die(benchmark::State& state, std::uint64_t users) {
  const PinnedToFirst pinned;
  Options options{.shards = 1};
  options.spin = std::chrono::seconds{1};
  options.cpus = bench::second_cpu();
  Tally tally;
  auto broadcaster = std::move(*Broadcaster::create(options));
  auto builder = broadcaster->event();
  builder.with_category("pattern")
      .with_action("deploy")
      .with_severity(Severity::success)
      .with_description(std::string(120, 'x'));
  std::uint64_t lives = 0;
  bool accepted = true;

  const auto allocations = bench::allocations();
  const WallRate rate;
  for ([[maybe_unused]] auto _ : state) {
    const auto user = user_number(lives % users);
    auto event = std::move(*builder.from_user(user).build());
    auto subscription = broadcaster->subscribe(user, std::make_shared<LifeSink>(tally));
    accepted = broadcaster->publish(event) == PublishStatus::accepted && accepted;
    subscription.cancel();
    if (++lives >= lives_max) wait_ended(tally.ended, lives - lives_max + 1);
  }
  wait_ended(tally.ended, lives);
  rate.report(state, lives);
  state.counters["allocations_per_life"] =
      static_cast<double>(bench::allocations() - allocations) / static_cast<double>(lives);

  broadcaster->stop();
  if (!accepted || tally.deaf > 0 || tally.deliveries != lives)
    state.SkipWithError("refused, or a subscription did not hear just its event");
  if (broadcaster->metrics().subscriptions != 0) state.SkipWithError("a subscription stayed");
}

void churn(benchmark::State& state) {
  live_and_die(state, 1'000);
}
BENCHMARK(churn);

void churn_one_user(benchmark::State& state) {
  live_and_die(state, 1);
}
BENCHMARK(churn_one_user);

void churn_floor(benchmark::State& state) {
  const PinnedToFirst pinned;
  struct SubscriptionBlock {
    std::array<char, sizeof(detail::SubscriptionState)> bytes;
  };
  struct EventText {
    std::array<char, 900> bytes;
  };
  Tally tally;
  const EventText text{};
  std::uint64_t lives = 0;

  const WallRate rate;
  for ([[maybe_unused]] auto _ : state) {
    auto subscription = std::make_unique<SubscriptionBlock>();
    const std::shared_ptr<Sink> sink = std::make_shared<LifeSink>(tally);
    auto event = std::make_unique<EventText>(text);
    benchmark::DoNotOptimize(subscription.get());
    benchmark::DoNotOptimize(event.get());
    sink->on_events({});
    sink->on_end(EndReason::cancelled);
    ++lives;
  }
  rate.report(state, lives);

  if (tally.ended != lives) state.SkipWithError("lost");
}
BENCHMARK(churn_floor);
BENCHMARK(churn_floor)->Name("churn_one_user_floor");

}  // namespace
