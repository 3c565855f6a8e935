#pragma once

#include "carillon/engine/filter.hpp"
#include "carillon/engine/ids.hpp"

#include <utility>

namespace carillon::engine {

namespace detail {
class SubscriptionState;
}

struct SubscribeOptions {
  Filter filter{};
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
  Subscription(Subscription&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
  Subscription& operator=(Subscription&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Subscription();

  void cancel() noexcept;
  /// Leads to one Sink::on_resume() behind what was published before; calls that
  /// come before it has begun are covered by it. Never allocates. A consumer of
  /// batches that paused goes on.
  void resume() noexcept;
  [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  friend class Broadcaster;
  explicit Subscription(detail::SubscriptionState* state) noexcept : state_{state} {}

  detail::SubscriptionState* state_ = nullptr;  // one counted reference
};

}  // namespace carillon::engine
