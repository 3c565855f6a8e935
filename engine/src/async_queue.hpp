#pragma once

#include "carillon/engine/async_subscription.hpp"
#include "engine/src/consumer_queue.hpp"

#include <coroutine>
#include <functional>
#include <memory>

namespace carillon::engine::detail {

/// The queue of an AsyncSubscription: its consumer is a suspended coroutine.
///
/// Role      One per AsyncSubscription.
/// Threads   suspend: where the coroutine runs. resume, forget: where it is resumed.
///           The rest: see ConsumerQueue.
/// Order, Bound   See ConsumerQueue.
/// Progress  Nothing blocks; wake() runs the embedder's resume function, by default
///           the coroutine itself.
/// Wake-up   wake() makes one Resumption per park; resume() is what it does.
/// Lifetime  See ConsumerQueue; a Resumption and a coroutine that waits keep it too.
/// Invariant While `waiting_` is set and no Resumption is out, the hand-over is
///           parked. A Resumption may come too late (its coroutine was forgotten,
///           another waits now), so it looks for itself and parks again if it finds
///           nothing.
class AsyncQueue final : public ConsumerQueue, public std::enable_shared_from_this<AsyncQueue> {
 public:
  explicit AsyncQueue(AsyncOptions options);

  /// False if something came meanwhile: the coroutine goes on. True: it may already
  /// run on another thread.
  [[nodiscard]] bool suspend(std::coroutine_handle<> waiting) noexcept;
  void resume();
  /// The coroutine that waits is being destroyed.
  void forget() noexcept;

 private:
  void wake() noexcept override;

  const std::function<void(Resumption)> resume_;
  // The consumer's own; handed to the thread that resumes through the hand-over
  // (H5, H2) and the embedder's executor.
  std::coroutine_handle<> waiting_;
};

}  // namespace carillon::engine::detail
