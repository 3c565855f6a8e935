#pragma once

#include "carillon/engine/overflow.hpp"
#include "carillon/engine/received.hpp"
#include "carillon/engine/sink.hpp"
#include "engine/src/hand_over.hpp"

#include <optional>

namespace carillon::engine::detail {

class SubscriptionState;

/// A sink whose consumer takes what comes on a thread of its own.
///
/// Role      The shared part of PullQueue and AsyncQueue; one per subscription.
/// Threads   The Sink's calls, wake: the shard's. next_queued, ready: the consumer's.
///           bind: before the subscription is routed.
/// Order     As OverflowBuffer; the end comes last, and again if asked again.
/// Bound     QueueOptions::bytes_max in each of the HandOver's two buffers.
/// Progress  The shard: per batch two read-modify-writes beside the puts.
/// Wake-up   wake() is the last thing that a call of the Sink does, so that the
///           consumer may run inside it.
/// Lifetime  Shared by the shard (until on_end) and the consumer's handle.
/// Invariant Once `ended_`, nothing is put: the end is the last item.
class ConsumerQueue : public Sink {
 public:
  explicit ConsumerQueue(QueueOptions options);

  /// The subscription that ends when `close` overflows.
  void bind(SubscriptionState& state) noexcept { state_ = &state; }

  void on_start(const Position& at) noexcept final { reached_ = at; }
  void on_events(const DeliveryBatch& batch) noexcept final;
  void on_end(EndReason reason) noexcept final;

  /// The consumer: what is queued, or nothing.
  [[nodiscard]] Received next_queued();
  /// The consumer: whether next_queued() has something.
  [[nodiscard]] bool ready() noexcept;

 protected:
  /// The consumer's park and unpark go through it.
  [[nodiscard]] HandOver& hand_over() noexcept { return hand_over_; }

 private:
  /// The shard: the consumer parked before it, and something came.
  virtual void wake() noexcept = 0;
  void publish() noexcept;

  // Set once.
  const QueueOptions options_;
  SubscriptionState* state_ = nullptr;
  HandOver hand_over_;  // refers to the options
  // The shard's own.
  std::optional<Position> reached_;
  bool ended_ = false;
  // The consumer's own.
  alignas(64) OverflowBuffer* taken_ = nullptr;
  std::optional<End> end_;
};

}  // namespace carillon::engine::detail
