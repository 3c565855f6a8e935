#include "carillon/engine/pull_subscription.hpp"

#include "engine/src/assert.hpp"
#include "engine/src/pull_queue.hpp"

#include <cerrno>
#include <ctime>
#include <utility>

namespace carillon::engine {
namespace detail {

PullQueue::PullQueue(QueueOptions options) : ConsumerQueue{std::move(options)} {
  CARILLON_ASSERT(sem_init(&wakes_, 0, 0) == 0, "a semaphore within a process");
}

PullQueue::~PullQueue() {
  sem_destroy(&wakes_);
}

void PullQueue::wake() noexcept {
  sem_post(&wakes_);
}

bool PullQueue::sleep(const timespec* deadline) noexcept {
  while (true) {
    const int failed =
        deadline == nullptr ? sem_wait(&wakes_) : sem_clockwait(&wakes_, CLOCK_MONOTONIC, deadline);
    if (failed == 0) return true;
    if (errno == ETIMEDOUT) return false;
    CARILLON_ASSERT(errno == EINTR, "waiting for a semaphore");
  }
}

Received PullQueue::next_before(const timespec* deadline) {
  while (!ready()) {
    if (!hand_over().park()) continue;  // something came meanwhile
    if (sleep(deadline)) continue;
    // At the deadline. Was it published in the last moment? Then ready() finds it,
    // unless the shard is just adding to it; the wake that follows is a token
    // too many for a later call, which looks once more.
    hand_over().unpark();
    if (!ready()) return {};
  }
  return next_queued();
}

Received PullQueue::next() {
  return next_before(nullptr);
}

Received PullQueue::next_until(Clock::time_point deadline) {
  // libstdc++'s steady_clock is CLOCK_MONOTONIC.
  const auto since = std::chrono::nanoseconds{deadline.time_since_epoch()};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = (since - seconds).count()};
  return next_before(&time);
}

}  // namespace detail

PullSubscription::PullSubscription() noexcept = default;
PullSubscription::PullSubscription(PullSubscription&&) noexcept = default;
PullSubscription& PullSubscription::operator=(PullSubscription&&) noexcept = default;
PullSubscription::~PullSubscription() = default;

PullSubscription::PullSubscription(Subscription subscription,
                                   std::shared_ptr<detail::PullQueue> queue) noexcept
    : queue_{std::move(queue)}, subscription_{std::move(subscription)} {
}

Received PullSubscription::try_next() {
  return queue_->next_queued();
}

Received PullSubscription::next() {
  return queue_->next();
}

Received PullSubscription::next_until(Clock::time_point deadline) {
  return queue_->next_until(deadline);
}

}  // namespace carillon::engine
