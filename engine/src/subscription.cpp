#include "carillon/engine/subscription.hpp"

#include "engine/src/shard.hpp"
#include "engine/src/subscription_state.hpp"

namespace carillon::engine {

Subscription::~Subscription() {
  if (state_ == nullptr) return;
  state_->cancel();
  state_->drop_reference();
}

void Subscription::cancel() noexcept {
  if (state_ != nullptr) state_->cancel();
}

namespace detail {

void SubscriptionState::cancel() noexcept {
  // S3 relaxed: only one caller may route the leave; it publishes nothing.
  if (cancelled_.exchange(true, std::memory_order_relaxed)) return;
  add_reference();
  shard.route_command(leave, user);
}

}  // namespace detail
}  // namespace carillon::engine
