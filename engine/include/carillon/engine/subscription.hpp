#pragma once

#include "carillon/engine/filter.hpp"
#include "carillon/engine/ids.hpp"

#include <optional>
#include <utility>

namespace carillon::engine {

namespace detail {
class SubscriptionState;
}

/// What a subscription asks for.
struct SubscribeOptions {
  Filter filter{};  ///< which events are delivered; without fields: all
  /// On whose thread the sink is called; below Broadcaster::shards(). Empty: the
  /// user's shard. For a user with so many subscriptions that one thread is too few:
  /// the user's shard hands each event over once per shard, not per subscription.
  std::optional<ShardIndex> shard{};
};

/// Handle of one live consumer of one user's mailbox. Move-only; destroying it
/// cancels the subscription.
///
/// Threads   cancel(), resume(): any thread, also during a publish and from a
///           sink's own call; cancel() is idempotent. Moving: one thread at a time.
/// Lifetime  Must not outlive its Broadcaster. After cancel() the sink may still
///           be called until its on_end: cancelling takes its place in the order.
class Subscription {
 public:
  Subscription() noexcept = default;
  /// The moved-from handle is empty.
  Subscription(Subscription&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
  /// Exchanges the two handles: what this one held ends with `other`.
  Subscription& operator=(Subscription&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Subscription();

  /// Ends the subscription: on_end follows on the shard. Does not wait for it.
  void cancel() noexcept;
  /// Leads to one Sink::on_resume() behind what was published before; calls that
  /// come before it has begun are covered by it. Never allocates. A consumer of
  /// batches that paused goes on.
  void resume() noexcept;
  /// Whether this handle has a subscription.
  [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  friend class Broadcaster;
  explicit Subscription(detail::SubscriptionState* state) noexcept : state_{state} {}

  detail::SubscriptionState* state_ = nullptr;  // one counted reference
};

}  // namespace carillon::engine
