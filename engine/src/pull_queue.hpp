#pragma once

#include "engine/src/consumer_queue.hpp"

#include <semaphore.h>

#include <chrono>

namespace carillon::engine::detail {

/// The queue of a PullSubscription: its consumer sleeps on a semaphore.
///
/// Role      One per PullSubscription.
/// Threads   next, next_until: the consumer's. The rest: see ConsumerQueue.
/// Order, Bound   See ConsumerQueue.
/// Progress  wake() never blocks. next sleeps; it wakes up for nothing at most once
///           per wake that came too late for an earlier deadline.
/// Lifetime  See ConsumerQueue.
/// Invariant A token in the semaphore is a reason to look again, not an item: the
///           hand-over's word alone says whether something is queued.
class PullQueue final : public ConsumerQueue {
 public:
  using Clock = std::chrono::steady_clock;

  explicit PullQueue(QueueOptions options);
  ~PullQueue() override;

  [[nodiscard]] Received next();
  [[nodiscard]] Received next_until(Clock::time_point deadline);

 private:
  void wake() noexcept override;
  /// False at the deadline. Null: waits without one.
  [[nodiscard]] bool sleep(const timespec* deadline) noexcept;
  [[nodiscard]] Received next_before(const timespec* deadline);

  // POSIX's: std::binary_semaphore has no deadline on a clock that cannot be set, and
  // in libstdc++ 12 counts waiters in a table that all semaphores share.
  sem_t wakes_{};
};

}  // namespace carillon::engine::detail
