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

void Subscription::resume() noexcept {
  if (state_ != nullptr) state_->resume();
}

namespace detail {

void SubscriptionState::cancel() noexcept {
  // S3 relaxed: only one caller may route the leave; it publishes nothing.
  if (cancelled_.exchange(true, std::memory_order_relaxed)) return;
  add_reference();
  shard.route_command(leave, user);
}

void SubscriptionState::resume() noexcept {
  // S4 acq_rel: release publishes what came before this call to take_resume (S5),
  // also if a resume is queued already; acquire pairs with the S5 that gave the
  // command back, so that it may be queued again.
  if (resuming_.exchange(true, std::memory_order_acq_rel)) return;
  add_reference();
  shard.route_command(resume_command, user);
}

void SubscriptionState::take_resume() noexcept {
  resuming_.exchange(false, std::memory_order_acq_rel);  // S5: see S4, its partner
}

}  // namespace detail
}  // namespace carillon::engine
