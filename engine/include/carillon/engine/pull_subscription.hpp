#pragma once

#include "carillon/engine/overflow.hpp"
#include "carillon/engine/received.hpp"
#include "carillon/engine/subscription.hpp"

#include <chrono>
#include <memory>

namespace carillon::engine {

namespace detail {
class PullQueue;
}

/// The pull way to consume: a thread of the embedder's asks for what comes next.
///
/// Role      Made by Broadcaster::subscribe_pull. Move-only; destroying it cancels.
/// Threads   try_next, next, next_for, next_until, moving, destruction: one thread
///           at a time, any. cancel: any thread, also while another is in next().
/// Order     Events and gaps in the order of the user, then the end; asked again,
///           the end again.
/// Bound     QueueOptions::bytes_max waiting, plus what was taken and not asked for
///           yet, at most as much again.
/// Progress  try_next never waits; it may answer "nothing" while the shard is in
///           the middle of adding. The others sleep until something comes, without
///           spinning first: where waking is dear, ask try_next for a while.
///           The shard never waits for the consumer, whatever that does.
/// Lifetime  Must not outlive its Broadcaster, nor may the events. After stop()
///           what is queued is still there to be consumed, then the end.
class PullSubscription {
 public:
  /// Of the deadlines: one that cannot be set.
  using Clock = std::chrono::steady_clock;

  PullSubscription() noexcept;  ///< of nothing: only to be assigned to
  /// The other one is of nothing afterwards.
  PullSubscription(PullSubscription&&) noexcept;
  /// What this handle had ends with the other one, at the latest.
  PullSubscription& operator=(PullSubscription&&) noexcept;
  ~PullSubscription();

  /// What is queued, or nothing; never waits.
  [[nodiscard]] Received try_next();
  /// Waits; never nothing.
  [[nodiscard]] Received next();
  /// Nothing if nothing comes until then.
  [[nodiscard]] Received next_until(Clock::time_point deadline);
  /// Nothing if nothing comes for so long.
  template <class Rep, class Period>
  [[nodiscard]] Received next_for(std::chrono::duration<Rep, Period> timeout) {
    return next_until(Clock::now() + std::chrono::ceil<Clock::duration>(timeout));
  }

  /// The end follows what was queued before; a blocked consumer gets it.
  void cancel() noexcept { subscription_.cancel(); }

 private:
  friend class Broadcaster;
  PullSubscription(Subscription subscription, std::shared_ptr<detail::PullQueue> queue) noexcept;

  std::shared_ptr<detail::PullQueue> queue_;
  Subscription subscription_;
};

}  // namespace carillon::engine
