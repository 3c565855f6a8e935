#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "carillon/engine/async_subscription.hpp"
#include "carillon/engine/batches.hpp"
#include "carillon/engine/change.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/event_builder.hpp"
#include "carillon/engine/event_log.hpp"
#include "carillon/engine/event_pool.hpp"
#include "carillon/engine/filter.hpp"
#include "carillon/engine/ids.hpp"
#include "carillon/engine/metrics.hpp"
#include "carillon/engine/options.hpp"
#include "carillon/engine/overflow.hpp"
#include "carillon/engine/pull_subscription.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/engine/sink.hpp"
#include "carillon/engine/subscription.hpp"

#include <functional>
#include <memory>
#include <span>

/// The event broadcaster to embed: begin with Broadcaster.
namespace carillon::engine {

/// What became of a publish. An ordinary outcome, not an error.
enum class [[nodiscard]] PublishStatus : std::uint8_t{
    accepted,  ///< will be sequenced, fanned out and logged; its Ack follows
    full,      ///< the bound on queued bytes is reached: try again later
    closed,    ///< the broadcaster stops
};

/// Sequences events, fans them out to every live subscriber of their user, and
/// hands them to a log behind the fan-out.
///
/// Role      The engine; one per process or as many as the embedder likes.
/// Threads   publish, publish_all, apply, subscribe, event, parser inputs, metrics:
///           any thread. run_turn: the one thread of that shard. stop, destruction:
///           one thread, with no other call in flight; not from a sink.
/// Order     All subscribers of a user see its events in one order, ascending
///           sequence. Publishes, subscribes and cancels for one user keep the
///           order in which they were called, also across threads where one call
///           happened before the other; but an event with its publisher's own id
///           takes its place only after the log was asked for that id.
///           Broadcasts have one order of their own; how the two interleave is
///           not promised.
/// Bound     Options; at a bound publish answers `full` and keeps nothing.
/// Progress  publish takes no lock, does no work that grows with users or
///           subscribers, and makes no system call but the wake-up of a
///           sleeping shard. publish_all: the same for each event.
/// Lifetime  Waker and ack sinks outlive the Broadcaster; it outlives its
///           subscriptions and events. The log reports to it until the log itself
///           has stopped: first stop(), then the log's stop, then destruction.
class Broadcaster {
 public:
  /// `log` may be null: events are then fanned out only, and `durable` means
  /// fanned out. Fails with invalid_argument if an option is out of range.
  [[nodiscard]] static Result<std::unique_ptr<Broadcaster>> create(const Options& options = {},
                                                                   EventLog* log = nullptr);
  ~Broadcaster();
  Broadcaster(const Broadcaster&) = delete;
  Broadcaster& operator=(const Broadcaster&) = delete;

  /// A builder whose events come from pool() and carry options.system_id.
  [[nodiscard]] EventBuilder event();
  /// Where event() takes its blocks from; for an EventParser of the embedder.
  [[nodiscard]] EventPool& pool() noexcept;
  /// Options::system_id.
  [[nodiscard]] const Uuid& system_id() const noexcept;

  /// Publishes to the event's owner, or to everyone if that is its audience.
  /// Unless `accepted`, `event` is left as it was and may be tried again.
  PublishStatus publish(NewEvent& event, const AckRequest& ack = no_ack);
  /// The same, for an event that its caller will not try again.
  PublishStatus publish(NewEvent&& event, const AckRequest& ack = no_ack) {
    return publish(event, ack);
  }

  /// Publishes all of these events or none; each may have its own owner or be a
  /// broadcast. Those of one owner get their places in the order of the span, with
  /// other publishers' events in between perhaps. Each is acknowledged by itself, with
  /// `ack`'s token; the Ack's `event` tells which one it is. Unless `accepted`,
  /// nothing was published and all events are left as they were. Of none: accepted.
  ///
  /// `full` if one of the shards has no credit left for its part of the bytes
  /// (as with one event: a part larger than Options::queued_bytes_max passes if
  /// nothing else is queued there), or if publish() would refuse any of the events by
  /// itself. What the batch adds to a mailbox is not held against it, so that one
  /// mailbox may exceed Options::mailbox_bytes_max by the batch.
  ///
  /// It is all or nothing up to here only: the log commits event by event, so a crash
  /// or an Ack `failed` may leave a part of the batch durable.
  PublishStatus publish_all(std::span<NewEvent> events, const AckRequest& ack = no_ack);

  /// Publishes to every subscriber of the broadcaster, whatever the event's
  /// audience was when it was built for nobody in particular. The event must
  /// have been built `for_audience(Audience::everyone)` (asserted).
  PublishStatus broadcast(NewEvent& event, const AckRequest& ack = no_ack);
  /// The same, for an event that its caller will not try again.
  PublishStatus broadcast(NewEvent&& event, const AckRequest& ack = no_ack) {
    return broadcast(event, ack);
  }

  /// Gives a change its place in its user's order and hands it to the log.
  /// Without a log the outcome is `failed`: there is no inbox to change.
  PublishStatus apply(std::shared_ptr<Change> change, const AckRequest& ack = no_ack);

  /// Subscribes `sink` to `user`'s events and to broadcasts. The place in the
  /// order is taken asynchronously, see Sink::on_start; what is published
  /// to the user after this call returned is delivered; broadcasts are from the
  /// position that on_start tells. After stop(): the sink gets on_end.
  /// SubscribeOptions::shard must be below shards() (asserted).
  [[nodiscard]] Subscription subscribe(const UserId& user,
                                       std::shared_ptr<Sink> sink,
                                       SubscribeOptions options = {});
  /// Subscribes a function that is called with each event, on the shard. It must not be
  /// empty, block or throw (std::terminate), as a Sink's.
  [[nodiscard]] Subscription subscribe(const UserId& user,
                                       std::function<void(const Event&)> on_event,
                                       SubscribeOptions options = {});

  /// Subscribes callbacks that are called with batches on the shard and may
  /// pause; what comes meanwhile is queued under `options`. Subscription::resume()
  /// lets them go on.
  [[nodiscard]] Subscription subscribe_batches(const UserId& user,
                                               BatchCallbacks callbacks,
                                               QueueOptions options = {});
  /// Subscribes a queue that a thread of the embedder's takes from.
  [[nodiscard]] PullSubscription subscribe_pull(const UserId& user, QueueOptions options = {});
  /// Subscribes a queue that a coroutine of the embedder's takes from.
  [[nodiscard]] AsyncSubscription subscribe_async(const UserId& user, AsyncOptions options = {});

  /// Refuses further publishes (`closed`), fans out and logs what was
  /// accepted, ends every subscription, joins the threads that it started.
  /// With a waker: call it after the shards' threads have stopped calling
  /// run_turn(); it then runs the last turns itself. Idempotent.
  void stop();

  /// How many shards there are; at least 1, fixed by create().
  [[nodiscard]] ShardIndex shards() const noexcept;
  /// The shard on whose thread this user's sinks are called, if they don't ask for
  /// another one.
  [[nodiscard]] ShardIndex shard_of(const UserId& user) const noexcept;
  /// The log's epoch; without a log, one drawn by create().
  [[nodiscard]] Epoch epoch() const noexcept;

  /// One turn of a shard: takes what is queued, sequences, fans out, logs.
  /// True if work is left (the host should call again after its own events).
  /// Only with Options::waker, only on the shard's thread.
  [[nodiscard]] bool run_turn(ShardIndex shard);

  /// The figures of this moment; takes work that grows with the shards.
  [[nodiscard]] Metrics metrics() const;

 private:
  struct Impl;
  explicit Broadcaster(std::unique_ptr<Impl> impl);
  template <class Before>
  Subscription join(const UserId& user,
                    std::shared_ptr<Sink> sink,
                    SubscribeOptions options,
                    const Before& before);
  template <class Bound>
  Subscription subscribe_bound(const UserId& user, std::shared_ptr<Bound> sink, Filter filter);
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::engine
