#include "carillon/engine/broadcaster.hpp"

#include "engine/src/assert.hpp"
#include "engine/src/async_queue.hpp"
#include "engine/src/batch_sink.hpp"
#include "engine/src/core.hpp"
#include "engine/src/event_access.hpp"
#include "engine/src/pull_queue.hpp"
#include "engine/src/shard.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

namespace carillon::engine {
namespace {

using detail::ChangeNode;
using detail::Core;
using detail::EventAccess;
using detail::Shard;
using detail::SubscriptionState;

constexpr ShardIndex shards_max = 1024;

/// Sink of a plain function.
class FunctionSink final : public Sink {
 public:
  explicit FunctionSink(std::function<void(const Event&)> on_event)
      : on_event_{std::move(on_event)} {}
  void on_events(const DeliveryBatch& batch) noexcept override {
    for (const auto& delivery : batch.deliveries)
      on_event_(*delivery.event);
  }

 private:
  std::function<void(const Event&)> on_event_;
};

ShardIndex shards_of(const Options& options) {
  if (options.shards != 0) return options.shards;
  return std::max<ShardIndex>(1, std::thread::hardware_concurrency());
}

std::uint32_t bytes_of(const Change& change) {
  return static_cast<std::uint32_t>(sizeof(ChangeNode) + sizeof(Change) +
                                    change.ids.size() * sizeof(EventId) * 2);
}

/// Lets the other thread of the core run, and leaves a spin with less delay.
void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Looks for work for that long; true once there is some.
bool spin_for(const Shard& shard, std::chrono::microseconds spin) noexcept {
  if (spin.count() == 0) return false;
  const auto end = std::chrono::steady_clock::now() + spin;
  do {
    for (int look = 0; look < 16; ++look) {
      if (shard.announced()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

/// Under load the next turn is due at once, for one event; a little later it is
/// for several. So a turn of many events lets the next one wait, for about what
/// beginning a turn costs the shard and a producer, per event: by as much more as
/// events come faster than that, each turn is larger than the one before.
std::chrono::nanoseconds interval_after(std::uint32_t events, const Options& options) noexcept {
  constexpr std::chrono::nanoseconds per_event{200};
  if (events < 2) return {};
  return std::min(options.turn_interval_max, events * per_event);
}

void hold(std::chrono::nanoseconds interval) noexcept {
  if (interval.count() == 0) return;
  const auto due = std::chrono::steady_clock::now() + interval;
  while (std::chrono::steady_clock::now() < due)
    pause();
}

}  // namespace

/// What a Broadcaster is made of: the core that its shards share, and their threads.
///
/// Role      One per Broadcaster. Brings a publish to its shard, runs the shards, and settles
///           what the log is done with.
/// Threads   shard_of, closed, admit, relays_full: any. run: one thread per shard. settle:
///           the log's writer, alone or, once that has ended, stop()'s. drain: stop()'s, after
///           the shards' threads. start_threads, `stopped`, `threads`: the owner's.
/// Progress  admit is lock-free and O(events + shards). It may refuse what would fit, while
///           another one holds credit that it is about to give back.
/// Invariant Credit that admit took is queued with an event or given back: what a shard
///           counts as queued is never less than what is.
/// Order     `stopping` is release (B2) to acquire (B1); the rest is the shards' and Core's.
struct Broadcaster::Impl final : LogObserver {
  Impl(const Options& options, EventLog* log, const LogOrigin& origin)
      : core{options, log, origin} {
    const auto count = shards_of(options);
    for (ShardIndex index = 0; index < count; ++index)
      core.shards.push_back(std::make_unique<Shard>(core, index));
  }

  Shard& shard_of(std::uint64_t hash) noexcept { return *core.shards[index_of(hash)]; }
  [[nodiscard]] ShardIndex index_of(std::uint64_t hash) const noexcept {
    // The high half picks the shard, the directory probes with the low half.
    return static_cast<ShardIndex>(((hash >> 32U) * core.shards.size()) >> 32U);
  }
  [[nodiscard]] bool closed() const noexcept {
    return core.closed.load(std::memory_order_relaxed);  // see Core
  }

  /// Takes the credit for all of these events, or for none.
  [[nodiscard]] bool admit(std::span<const NewEvent> events) noexcept;
  [[nodiscard]] bool relays_full() const noexcept;

  [[nodiscard]] Result<void> start_threads();
  void run(Shard& shard);
  void drain();
  void settle(std::span<LogEntry> entries, AckOutcome outcome) noexcept;
  void on_committed(std::span<LogEntry> entries) noexcept override {
    settle(entries, AckOutcome::durable);
  }
  void on_abandoned(std::span<LogEntry> entries) noexcept override {
    settle(entries, AckOutcome::failed);
  }

  Core core;
  std::vector<std::thread> threads;
  std::atomic<bool> stopping{false};
  bool stopped = false;
  detail::AckBatch log_acks;  // the log's writer thread's
  std::vector<std::size_t> log_bytes;
};

bool Broadcaster::Impl::admit(std::span<const NewEvent> events) noexcept {
  std::array<std::size_t, shards_max> sums;
  const auto bytes = std::span{sums}.first(core.shards.size());
  std::ranges::fill(bytes, 0);
  bool broadcasts = false;
  for (const auto& event : events) {
    if (event->audience() == Audience::everyone) {
      broadcasts = true;
      bytes[0] += event->footprint_bytes();
      continue;
    }
    const auto hash = hash_uuid(event->owner());
    if (!shard_of(hash).has_room(*event, hash)) return false;
    bytes[index_of(hash)] += event->footprint_bytes();
  }
  if (broadcasts && relays_full()) return false;
  for (std::size_t index = 0; index < bytes.size(); ++index) {
    if (bytes[index] == 0 || core.shards[index]->take_credit(bytes[index])) continue;
    while (index-- > 0)
      if (bytes[index] > 0) core.shards[index]->give_back(bytes[index]);
    return false;
  }
  return true;
}

bool Broadcaster::Impl::relays_full() const noexcept {
  return std::ranges::any_of(core.shards, [](const auto& shard) { return shard->relays_full(); });
}

Result<void> Broadcaster::Impl::start_threads() {
  const auto& cpus = core.options.cpus;
  for (auto& shard : core.shards) {
    auto& thread = threads.emplace_back([this, &shard] { run(*shard); });
    if (cpus.empty()) continue;
    const auto cpu = cpus[(threads.size() - 1) % cpus.size()];
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (pthread_setaffinity_np(thread.native_handle(), sizeof(set), &set) != 0)
      return Error{Errc::invalid_argument, "cpus names processor " + std::to_string(cpu) +
                                               ", which this process may not use"};
  }
  return {};
}

void Broadcaster::Impl::run(Shard& shard) {
  const auto spin = core.options.spin;
  while (true) {
    const bool more = shard.run_turn();
    // B1 acquire: pairs with B2. Asked after the turn: stop() announces after it
    // sets the flag, and a turn that cleared that announcement sees the flag; if
    // the announcement is still to come, wait() returns at once.
    if (stopping.load(std::memory_order_acquire)) return;
    if (more) continue;
    hold(interval_after(shard.events_of_turn(), core.options));
    if (spin_for(shard, spin)) continue;
    shard.wait();
  }
}

void Broadcaster::Impl::drain() {
  // Turns of one shard may give work to another, also to one before it (broadcasts,
  // guests), so until none is announced behind a whole round. A turn that only gave
  // work away says that nothing is left. A lookup that is out comes back by announce().
  core.draining.store(true, std::memory_order_relaxed);  // W3 in shard.cpp
  for (auto& shard : core.shards) {
    shard->rebind_thread();
    shard->settle_relays();
  }
  for (bool busy = true; busy;) {
    busy = false;
    for (auto& shard : core.shards) {
      while (shard->run_turn() || shard->announced()) {
      }
      if (!shard->lookups_outstanding()) continue;
      busy = true;
      shard->wait();
    }
    busy = busy ||
           std::ranges::any_of(core.shards, [](const auto& shard) { return shard->announced(); });
  }
  for (auto& shard : core.shards) {
    // A lookup's thread may still be on its last steps behind the hand-over.
    while (shard->lookup_threads_inside())
      std::this_thread::yield();
    shard->end_subscriptions();
    shard->end_claims();
  }
}

void Broadcaster::Impl::settle(std::span<LogEntry> entries, AckOutcome outcome) noexcept {
  log_bytes.assign(core.shards.size(), 0);
  for (auto& entry : entries) {
    log_bytes[entry.shard] += entry.bytes;
    if (entry.change) {
      if (entry.ack.at == AckAt::durability)
        log_acks.add(entry.ack, {.outcome = outcome, .change = std::move(entry.change)});
      continue;
    }
    const auto& event = *entry.event;
    if (EventAccess::claimed(event))
      core.shards[entry.shard]->release_claim({.owner = event.owner(), .id = event.id()},
                                              outcome == AckOutcome::durable);
    const auto request = EventAccess::ack_of(event);
    if (request.at == AckAt::durability)
      log_acks.add(request, {.outcome = outcome, .event = std::move(entry.event)});
  }
  for (std::size_t index = 0; index < log_bytes.size(); ++index)
    if (log_bytes[index] > 0) core.shards[index]->give_back(log_bytes[index]);
  log_acks.flush();
}

Result<std::unique_ptr<Broadcaster>> Broadcaster::create(const Options& options, EventLog* log) {
  if (options.shards > shards_max)
    return Error{Errc::invalid_argument, "shards is " + std::to_string(options.shards) +
                                             "; at most " + std::to_string(shards_max) +
                                             " are supported"};
  if (options.queued_bytes_max == 0 || options.mailbox_bytes_max == 0)
    return Error{Errc::invalid_argument, "queued_bytes_max and mailbox_bytes_max must be above 0"};
  if (options.mailbox_events_per_turn_max == 0)
    return Error{Errc::invalid_argument, "mailbox_events_per_turn_max must be above 0"};
  if (options.spin.count() < 0 || options.turn_interval_max.count() < 0)
    return Error{Errc::invalid_argument, "spin and turn_interval_max must not be below 0"};
  for (const auto cpu : options.cpus)
    if (cpu >= CPU_SETSIZE)
      return Error{Errc::invalid_argument, "cpus names processor " + std::to_string(cpu) +
                                               "; numbers below " + std::to_string(CPU_SETSIZE) +
                                               " can exist"};
  LogOrigin origin;
  if (log != nullptr) {
    origin = log->origin();
  } else {
    const auto random = make_uuid_v4();
    origin.epoch = hash_uuid(random) >> 16U;  // 48 bits
  }
  auto impl = std::make_unique<Impl>(options, log, origin);
  if (log != nullptr) log->attach(*impl);
  std::unique_ptr<Broadcaster> broadcaster{new Broadcaster{std::move(impl)}};
  if (options.waker == nullptr) {
    // On failure the destructor stops the threads that run.
    if (auto started = broadcaster->impl_->start_threads(); !started) return started.error();
  }
  return broadcaster;
}

Broadcaster::Broadcaster(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {
}

Broadcaster::~Broadcaster() {
  stop();
}

EventBuilder Broadcaster::event() {
  EventBuilder builder{impl_->core.pool};
  builder.from_system(impl_->core.options.system_id);
  return builder;
}

EventPool& Broadcaster::pool() noexcept {
  return impl_->core.pool;
}

const Uuid& Broadcaster::system_id() const noexcept {
  return impl_->core.options.system_id;
}

PublishStatus Broadcaster::publish(NewEvent& event, const AckRequest& ack) {
  CARILLON_ASSERT(event, "publish needs an event that was not published before");
  if (event->audience() == Audience::everyone) return broadcast(event, ack);
  if (impl_->closed()) return PublishStatus::closed;
  auto* raw = EventAccess::take(event);
  EventAccess::set_ack(*raw, ack);
  const auto hash = hash_uuid(raw->owner());
  if (impl_->shard_of(hash).publish(raw, hash)) return PublishStatus::accepted;
  event = EventAccess::give_back(raw);
  return PublishStatus::full;
}

PublishStatus Broadcaster::publish_all(std::span<NewEvent> events, const AckRequest& ack) {
  for (const auto& event : events)
    CARILLON_ASSERT(event, "publish_all needs events that were not published before");
  if (impl_->closed()) return PublishStatus::closed;
  if (!impl_->admit(events)) return PublishStatus::full;
  for (auto& event : events) {
    auto* raw = EventAccess::take(event);
    EventAccess::set_ack(*raw, ack);
    if (raw->audience() == Audience::everyone) {
      impl_->core.shards[0]->push_own(raw);
    } else {
      const auto hash = hash_uuid(raw->owner());
      impl_->shard_of(hash).push_admitted(raw, hash);
    }
  }
  return PublishStatus::accepted;
}

PublishStatus Broadcaster::broadcast(NewEvent& event, const AckRequest& ack) {
  CARILLON_ASSERT(event, "broadcast needs an event that was not published before");
  CARILLON_ASSERT(event->audience() == Audience::everyone,
                  "build a broadcast with for_audience(Audience::everyone)");
  if (impl_->closed()) return PublishStatus::closed;
  if (impl_->relays_full()) return PublishStatus::full;
  auto* raw = EventAccess::take(event);
  EventAccess::set_ack(*raw, ack);
  // Shard 0 sequences all broadcasts: that is their one order. A shard that falls
  // behind holds them back, so that its relay queue is bounded too.
  if (impl_->core.shards[0]->publish_broadcast(raw)) return PublishStatus::accepted;
  event = EventAccess::give_back(raw);
  return PublishStatus::full;
}

PublishStatus Broadcaster::apply(std::shared_ptr<Change> change, const AckRequest& ack) {
  CARILLON_ASSERT(change != nullptr, "apply needs a change");
  if (impl_->closed()) return PublishStatus::closed;
  const auto hash = hash_uuid(change->user);
  const auto bytes = bytes_of(*change);
  auto node = std::make_unique<ChangeNode>(std::move(change), ack, bytes);
  return impl_->shard_of(hash).apply(node, hash) ? PublishStatus::accepted : PublishStatus::full;
}

/// `before` sees the subscription before its shard does.
template <class Before>
Subscription Broadcaster::join(const UserId& user,
                               std::shared_ptr<Sink> sink,
                               SubscribeOptions options,
                               const Before& before) {
  if (impl_->closed()) {
    sink->on_end(EndReason::stopped);
    return {};
  }
  auto& shard = impl_->shard_of(hash_uuid(user));
  Shard* guest_shard = nullptr;
  if (options.shard) {
    CARILLON_ASSERT(*options.shard < shards(), "SubscribeOptions::shard must be below shards()");
    guest_shard = impl_->core.shards[*options.shard].get();
    if (guest_shard == &shard) guest_shard = nullptr;
  }
  auto* state =
      new SubscriptionState{shard, user, std::move(sink), std::move(options.filter), guest_shard};
  before(*state);
  shard.route_command(*state, user);
  return Subscription{state};
}

Subscription Broadcaster::subscribe(const UserId& user,
                                    std::shared_ptr<Sink> sink,
                                    SubscribeOptions options) {
  CARILLON_ASSERT(sink != nullptr, "subscribe needs a sink");
  return join(user, std::move(sink), std::move(options), [](SubscriptionState&) {});
}

Subscription Broadcaster::subscribe(const UserId& user,
                                    std::function<void(const Event&)> on_event,
                                    SubscribeOptions options) {
  return subscribe(user, std::make_shared<FunctionSink>(std::move(on_event)), std::move(options));
}

/// Subscribes a sink that must know its subscription, to end it by itself.
template <class Bound>
Subscription Broadcaster::subscribe_bound(const UserId& user,
                                          std::shared_ptr<Bound> sink,
                                          Filter filter) {
  auto& bound = *sink;
  return join(user, std::move(sink), {.filter = std::move(filter)},
              [&bound](SubscriptionState& state) { bound.bind(state); });
}

Subscription Broadcaster::subscribe_batches(const UserId& user,
                                            BatchCallbacks callbacks,
                                            QueueOptions options) {
  auto filter = std::move(options.filter);
  return subscribe_bound(
      user, std::make_shared<detail::BatchSink>(std::move(callbacks), std::move(options)),
      std::move(filter));
}

PullSubscription Broadcaster::subscribe_pull(const UserId& user, QueueOptions options) {
  auto filter = std::move(options.filter);
  auto queue = std::make_shared<detail::PullQueue>(std::move(options));
  auto subscription = subscribe_bound(user, queue, std::move(filter));
  return PullSubscription{std::move(subscription), std::move(queue)};
}

AsyncSubscription Broadcaster::subscribe_async(const UserId& user, AsyncOptions options) {
  auto filter = std::move(options.queue.filter);
  auto queue = std::make_shared<detail::AsyncQueue>(std::move(options));
  auto subscription = subscribe_bound(user, queue, std::move(filter));
  return AsyncSubscription{std::move(subscription), std::move(queue)};
}

void Broadcaster::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  impl_->core.closed.store(true, std::memory_order_relaxed);  // see Core
  impl_->stopping.store(true, std::memory_order_release);     // B2: pairs with B1
  for (auto& shard : impl_->core.shards)
    shard->announce();
  for (auto& thread : impl_->threads)
    thread.join();
  impl_->drain();
}

ShardIndex Broadcaster::shards() const noexcept {
  return static_cast<ShardIndex>(impl_->core.shards.size());
}

ShardIndex Broadcaster::shard_of(const UserId& user) const noexcept {
  return impl_->index_of(hash_uuid(user));
}

Epoch Broadcaster::epoch() const noexcept {
  return impl_->core.origin.epoch;
}

bool Broadcaster::run_turn(ShardIndex shard) {
  CARILLON_ASSERT(impl_->core.options.waker != nullptr, "run_turn is for hosts with a waker");
  return impl_->core.shards[shard]->run_turn();
}

Metrics Broadcaster::metrics() const {
  Metrics metrics;
  for (const auto& shard : impl_->core.shards)
    shard->read_metrics(metrics);
  metrics.event_memory_bytes = impl_->core.pool.bytes_in_use_approx();
  return metrics;
}

}  // namespace carillon::engine
