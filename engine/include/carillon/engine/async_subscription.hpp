#pragma once

#include "carillon/engine/overflow.hpp"
#include "carillon/engine/received.hpp"
#include "carillon/engine/subscription.hpp"

#include <coroutine>
#include <functional>
#include <memory>
#include <utility>

namespace carillon::engine {

namespace detail {
class AsyncQueue;
}

/// Continues a coroutine that waits in AsyncSubscription::next(): to be called
/// once, on the thread that the embedder chose. Does nothing if the coroutine was
/// destroyed on that thread meanwhile.
class Resumption {
 public:
  /// Continues the coroutine, on the thread that calls this.
  void operator()() const;

 private:
  friend class detail::AsyncQueue;
  explicit Resumption(std::shared_ptr<detail::AsyncQueue> queue) noexcept
      : queue_{std::move(queue)} {}

  std::shared_ptr<detail::AsyncQueue> queue_;
};

/// Where events wait for a coroutine, and where it goes on.
struct AsyncOptions {
  QueueOptions queue{};  ///< the queue of the events that wait
  /// Where the coroutine goes on; called on the shard's thread when something came
  /// for a waiting coroutine; must not block or throw. With Asio:
  ///   [&io](Resumption resumption) { asio::post(io, std::move(resumption)); }
  /// Empty: it goes on right there, on the shard's thread (during
  /// Broadcaster::stop(): on the thread that calls it), and must not block it.
  std::function<void(Resumption)> resume{};
};

/// The coroutine way to consume: `co_await subscription.next()` is a Received that
/// is an event, a gap or the end, never nothing.
///
///   while (true) {
///     const auto received = co_await subscription.next();
///     if (const auto* one = received.event()) use(*one->event);
///     if (received.end() != nullptr) co_return;
///   }
///
/// Keep what it gives in a variable, as above: GCC 12 miscompiles an await that is
/// only part of a condition (`while ((co_await s.next()).event())`), whoever's it is.
///
/// Role      Made by Broadcaster::subscribe_async. Move-only; destroying it cancels;
///           a coroutine that waits then gets the end.
/// Threads   next and the awaiting: one coroutine at a time. It may begin on any
///           thread and goes on where AsyncOptions::resume lets it.
///           cancel: any thread.
/// Order     As PullSubscription.
/// Bound     As PullSubscription.
/// Progress  Suspends only if nothing is queued: what the shard handed over in one
///           batch is consumed without suspending.
/// Lifetime  Must not outlive its Broadcaster. Resumed on the shard's thread, the
///           coroutine may publish, subscribe, cancel and destroy the subscription,
///           but not call Broadcaster::stop(). A coroutine that waits may be
///           destroyed on the thread where it would be resumed; on any other only
///           when nothing can resume it: stop() returned, no Resumption is left.
class AsyncSubscription {
 public:
  class Next;

  AsyncSubscription() noexcept;  ///< of nothing: only to be assigned to
  /// The other one is of nothing afterwards. Not while a coroutine waits.
  AsyncSubscription(AsyncSubscription&&) noexcept;
  /// What this handle had ends with the other one, at the latest.
  AsyncSubscription& operator=(AsyncSubscription&&) noexcept;
  ~AsyncSubscription();

  /// What comes next, to be awaited: an event, a gap or the end.
  [[nodiscard]] Next next() noexcept;

  /// The end follows what was queued before; a waiting coroutine gets it.
  void cancel() noexcept { subscription_.cancel(); }

 private:
  friend class Broadcaster;
  AsyncSubscription(Subscription subscription, std::shared_ptr<detail::AsyncQueue> queue) noexcept;

  std::shared_ptr<detail::AsyncQueue> queue_;
  Subscription subscription_;
};

/// What next() answers, to be awaited at once.
class AsyncSubscription::Next {
 public:
  /// For AsyncSubscription::next().
  explicit Next(std::shared_ptr<detail::AsyncQueue>& queue) noexcept : queue_{&queue} {}
  Next(const Next&) = delete;
  Next& operator=(const Next&) = delete;
  ~Next();

  /// Whether something is queued, so that the coroutine need not suspend.
  [[nodiscard]] bool await_ready();
  /// False if something came meanwhile: the coroutine goes on at once.
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> waiting);
  /// Never nothing.
  [[nodiscard]] Received await_resume();

 private:
  std::shared_ptr<detail::AsyncQueue>* queue_;  // the subscription's, until it waits
  std::shared_ptr<detail::AsyncQueue> kept_{};  // while it waits: the subscription may go
};

}  // namespace carillon::engine
