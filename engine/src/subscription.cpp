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
  shard.route_command(leave_, user);
}

void SubscriptionState::resume() noexcept {
  // S4 acq_rel: release publishes what came before this call to the shard's take (S5),
  // also if the command is queued already; acquire pairs with the S5 that gave the
  // command back, so that it may be queued again.
  if ((command_.fetch_or(queued | resume_asked, std::memory_order_acq_rel) & queued) != 0) return;
  kind = Kind::resume;
  add_reference();
  shard.route_command(*this, user);
}

void SubscriptionState::take_join() noexcept {
  auto expected = queued;
  // S5: see S4, its partner.
  if (command_.compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) return;
  kind = Kind::resume;
  add_reference();
  shard.route_command(*this, user);
}

void SubscriptionState::take_resume() noexcept {
  command_.exchange(0, std::memory_order_acq_rel);  // S5
}

}  // namespace detail
}  // namespace carillon::engine
