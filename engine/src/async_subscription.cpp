#include "carillon/engine/async_subscription.hpp"

#include "engine/src/assert.hpp"
#include "engine/src/async_queue.hpp"

#include <utility>

namespace carillon::engine {
namespace detail {

AsyncQueue::AsyncQueue(AsyncOptions options)
    : ConsumerQueue{std::move(options.queue)}, resume_{std::move(options.resume)} {
}

bool AsyncQueue::suspend(std::coroutine_handle<> waiting) noexcept {
  CARILLON_ASSERT(!waiting_, "one coroutine at a time waits for a subscription");
  waiting_ = waiting;
  if (hand_over().park()) return true;
  waiting_ = nullptr;
  return false;
}

void AsyncQueue::resume() {
  if (!waiting_) return;
  while (!ready())
    if (hand_over().park()) return;
  std::exchange(waiting_, nullptr).resume();
}

void AsyncQueue::forget() noexcept {
  waiting_ = nullptr;
  hand_over().unpark();
}

void AsyncQueue::wake() noexcept {
  if (resume_) {
    resume_(Resumption{shared_from_this()});
  } else {
    resume();
  }
}

}  // namespace detail

void Resumption::operator()() const {
  queue_->resume();
}

AsyncSubscription::AsyncSubscription() noexcept = default;
AsyncSubscription::AsyncSubscription(AsyncSubscription&&) noexcept = default;
AsyncSubscription& AsyncSubscription::operator=(AsyncSubscription&&) noexcept = default;
AsyncSubscription::~AsyncSubscription() = default;

AsyncSubscription::AsyncSubscription(Subscription subscription,
                                     std::shared_ptr<detail::AsyncQueue> queue) noexcept
    : queue_{std::move(queue)}, subscription_{std::move(subscription)} {
}

AsyncSubscription::Next AsyncSubscription::next() noexcept {
  return Next{queue_};
}

AsyncSubscription::Next::~Next() {
  if (kept_) kept_->forget();
}

bool AsyncSubscription::Next::await_ready() {
  return (*queue_)->ready();
}

bool AsyncSubscription::Next::await_suspend(std::coroutine_handle<> waiting) {
  // Before it waits: from then on this object may be gone at any moment.
  kept_ = *queue_;
  while (!kept_->suspend(waiting)) {
    if (!kept_->ready()) continue;
    kept_.reset();
    return false;
  }
  return true;
}

Received AsyncSubscription::Next::await_resume() {
  const auto kept = std::exchange(kept_, nullptr);
  return (kept ? kept : *queue_)->next_queued();
}

}  // namespace carillon::engine
