#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "tests/support/recording_sink.hpp"

#include <array>
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <semaphore>
#include <string>
#include <utility>

// Subscriptions of all ways to consume that check what they hear, for churn_concurrency_test.
namespace carillon::engine {

constexpr std::size_t threads_count = 8;
constexpr std::size_t queue_bytes_max = std::size_t{256} << 20U;  // never reached

using Counts = std::array<int, threads_count>;

/// What a subscription must and may hear, as counts per producer.
struct Window {
  Counts not_before{};  // returned when subscribe was called: must not come
  Counts from{};        // begun when subscribe had returned: all from there on come
  Counts to{};          // returned when cancel was called: all up to there come
  Counts not_after{};   // begun when cancel had returned: none from there on comes
};

/// Of all subscriptions of a test, so that none need be kept to see what comes late.
struct Tally {
  std::atomic<std::uint64_t> ends{0};
  std::atomic<std::uint64_t> events_after_end{0};
};

/// What one subscription heard, checked as it comes: one call at a time. The first
/// fault is kept. Read by its thread once it ended.
class Account {
 public:
  Account(std::size_t owner, Tally& tally) : owner_{owner}, tally_{tally} {}

  void take(const Event& event) {
    if (has_ended_.load()) tally_.events_after_end.fetch_add(1);
    if (event.sequence() <= last_) fail("sequences do not ascend");
    last_ = event.sequence();
    const auto text = event.description();
    const auto colon = text.find(':');
    const auto producer = std::stoul(text.substr(0, colon));
    const auto index = std::stoi(text.substr(colon + 1));
    auto& heard = heard_[producer];
    if (heard.next == none) heard = {.first = index, .next = index};
    if (index != heard.next) fail(text + " instead of " + std::to_string(heard.next));
    heard.next = index + 1;
    if (producer == owner_) own_next_.store(index + 1);
  }
  void end(EndReason reason) {
    if (reason != EndReason::cancelled) fail("ended otherwise than by its cancel");
    tally_.ends.fetch_add(1);
    if (!has_ended_.exchange(true)) ended_.release();
  }
  void fail(const std::string& what) {
    if (fault_.empty()) fault_ = what;
  }

  [[nodiscard]] int own_next() const { return own_next_.load(); }
  [[nodiscard]] bool has_ended() const { return has_ended_.load(); }
  [[nodiscard]] bool wait_ended() { return ended_.try_acquire_for(testing::deadline); }
  /// Empty if it heard what it must and nothing that it must not.
  [[nodiscard]] std::string fault(const Window& window) const {
    if (!fault_.empty()) return fault_;
    for (std::size_t producer = 0; producer < threads_count; ++producer) {
      const auto [first, next] = heard_[producer];
      const auto from = window.from[producer];
      const auto to = window.to[producer];
      const auto of = " of producer " + std::to_string(producer);
      if (from < to && (first == none || first > from || next < to))
        return "heard " + std::to_string(first) + " up to " + std::to_string(next) +
               ", must hear " + std::to_string(from) + " up to " + std::to_string(to) + of;
      if (first != none && first < window.not_before[producer]) return "too old an event" + of;
      if (first != none && next > window.not_after[producer]) return "too new an event" + of;
    }
    return {};
  }

 private:
  static constexpr int none = -1;
  struct Heard {
    int first = none;
    int next = none;
  };

  const std::size_t owner_;
  Tally& tally_;
  std::array<Heard, threads_count> heard_{};
  Sequence last_ = 0;
  std::string fault_;
  std::atomic<int> own_next_{0};
  std::atomic<bool> has_ended_{false};
  std::binary_semaphore ended_{0};
};

/// A subscription, whichever way it is consumed.
class Consumer {
 public:
  Consumer(std::size_t owner, Tally& tally) : account_{std::make_shared<Account>(owner, tally)} {}
  virtual ~Consumer() = default;
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// What its thread does for it now and then.
  virtual void tend() {}
  virtual void before_cancel() {}
  virtual void cancel() = 0;
  [[nodiscard]] virtual bool wait_ended() { return account_->wait_ended(); }
  [[nodiscard]] const std::shared_ptr<Account>& account() const { return account_; }

 private:
  const std::shared_ptr<Account> account_;
};

class SinkConsumer final : public Consumer {
 public:
  SinkConsumer(Broadcaster& broadcaster, const UserId& user, std::size_t owner, Tally& tally)
      : Consumer{owner, tally},
        subscription_{broadcaster.subscribe(user, std::make_shared<Receiver>(account()))} {}
  void cancel() override { subscription_.cancel(); }

 private:
  class Receiver final : public Sink {
   public:
    explicit Receiver(std::shared_ptr<Account> account) : account_{std::move(account)} {}
    void on_start(const Position&) noexcept override {
      if (std::exchange(started_, true)) account_->fail("a second start");
    }
    void on_events(const DeliveryBatch& batch) noexcept override {
      if (!started_) account_->fail("events before the start");
      for (const auto& delivery : batch.deliveries)
        account_->take(*delivery.event);
    }
    void on_end(EndReason reason) noexcept override { account_->end(reason); }

   private:
    const std::shared_ptr<Account> account_;
    bool started_ = false;
  };
  Subscription subscription_;
};

class PullConsumer final : public Consumer {
 public:
  PullConsumer(Broadcaster& broadcaster, const UserId& user, std::size_t owner, Tally& tally)
      : Consumer{owner, tally},
        subscription_{broadcaster.subscribe_pull(user, {.bytes_max = queue_bytes_max})} {}
  void tend() override {
    for (auto received = subscription_.try_next(); received; received = subscription_.try_next())
      take(received);
  }
  void cancel() override { subscription_.cancel(); }
  [[nodiscard]] bool wait_ended() override {
    while (!account()->has_ended()) {
      const auto received = subscription_.next_for(testing::deadline);
      if (!received) return false;
      take(received);
    }
    return subscription_.try_next().end() != nullptr;  // asked again, the end again
  }

 private:
  void take(const Received& received) {
    if (const auto* one = received.event()) account()->take(*one->event);
    if (received.gap() != nullptr) account()->fail("a gap");
    if (const auto* end = received.end()) account()->end(end->reason);
  }
  PullSubscription subscription_;
};

/// Resumed on the shard; the frame goes by itself behind the end.
struct OnShard {
  struct promise_type {
    OnShard get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

inline OnShard consume(std::shared_ptr<AsyncSubscription> subscription,
                       std::shared_ptr<Account> account) {
  while (true) {
    const auto received = co_await subscription->next();
    if (const auto* one = received.event()) account->take(*one->event);
    if (received.gap() != nullptr) account->fail("a gap");
    if (const auto* end = received.end()) {
      account->end(end->reason);
      co_return;
    }
  }
}

class AsyncConsumer final : public Consumer {
 public:
  AsyncConsumer(Broadcaster& broadcaster, const UserId& user, std::size_t owner, Tally& tally)
      : Consumer{owner, tally},
        subscription_{std::make_shared<AsyncSubscription>(
            broadcaster.subscribe_async(user, {.queue = {.bytes_max = queue_bytes_max}}))} {
    consume(subscription_, account());
  }
  void cancel() override { subscription_->cancel(); }

 private:
  const std::shared_ptr<AsyncSubscription> subscription_;
};

/// Pauses after each third batch until its thread lets it go on.
class BatchConsumer final : public Consumer {
 public:
  BatchConsumer(Broadcaster& broadcaster, const UserId& user, std::size_t owner, Tally& tally)
      : Consumer{owner, tally},
        subscription_{broadcaster.subscribe_batches(
            user,
            {.on_events =
                 [account = account(), may_pause = may_pause_, batches = 0](
                     const Batch& batch) mutable {
                   for (const auto& delivery : batch.deliveries)
                     account->take(*delivery.event);
                   return may_pause->load() && ++batches % 3 == 0 ? Demand::pause : Demand::more;
                 },
             .on_gap = {},
             .on_end = [account = account()](const End& end) { account->end(end.reason); }},
            {.bytes_max = queue_bytes_max})} {}
  void tend() override { subscription_.resume(); }
  /// Else the cancel would end it without what waits.
  void before_cancel() override {
    may_pause_->store(false);
    subscription_.resume();
  }
  void cancel() override { subscription_.cancel(); }

 private:
  const std::shared_ptr<std::atomic<bool>> may_pause_ = std::make_shared<std::atomic<bool>>(true);
  Subscription subscription_;
};

inline std::unique_ptr<Consumer> subscribe(
    Broadcaster& broadcaster, const UserId& user, std::size_t owner, Tally& tally, unsigned way) {
  switch (way % 4) {
    case 0:
      return std::make_unique<SinkConsumer>(broadcaster, user, owner, tally);
    case 1:
      return std::make_unique<PullConsumer>(broadcaster, user, owner, tally);
    case 2:
      return std::make_unique<AsyncConsumer>(broadcaster, user, owner, tally);
    default:
      return std::make_unique<BatchConsumer>(broadcaster, user, owner, tally);
  }
}

}  // namespace carillon::engine
