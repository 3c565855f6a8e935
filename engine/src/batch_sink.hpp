#pragma once

#include "carillon/engine/batches.hpp"
#include "carillon/engine/overflow.hpp"
#include "carillon/engine/sink.hpp"
#include "engine/src/overflow_buffer.hpp"

#include <optional>
#include <vector>

namespace carillon::engine::detail {

class SubscriptionState;

/// Hands batches to callbacks, and queues while they pause.
///
/// Role      One per subscribe_batches.
/// Threads   The shard's alone; bind: before the subscription is routed.
/// Order     As OverflowBuffer. While nothing is queued, batches pass straight
///           through, without a reference to their events.
/// Bound     QueueOptions::bytes_max in waiting_, and what was taken of it in taken_.
/// Progress  on_resume gives everything that is queued, unless paused again.
/// Lifetime  See Sink.
/// Invariant While something is queued, it is paused (or in the middle of on_resume);
///           `overflowed_` means that nothing is queued any more, and that the end
///           follows when what is queued was consumed.
class BatchSink final : public Sink {
 public:
  BatchSink(BatchCallbacks callbacks, QueueOptions options);

  /// The subscription that ends when `close` overflows.
  void bind(SubscriptionState& state) noexcept { state_ = &state; }

  void on_start(const Position& at) noexcept override { reached_ = given_ = at; }
  void on_events(const DeliveryBatch& batch) noexcept override;
  void on_resume() noexcept override;
  void on_end(EndReason reason) noexcept override;

 private:
  static constexpr std::size_t deliveries_max = 256;  // of one call while queued ones are given

  void queue(const DeliveryBatch& batch);
  /// The next call: a run of events, or a gap.
  void give_taken();
  void end(EndReason reason);

  // Set once.
  const BatchCallbacks callbacks_;
  const QueueOptions options_;
  SubscriptionState* state_ = nullptr;

  std::optional<Position> reached_;  // of the last event that came
  std::optional<Position> given_;    // of the last event or gap that was given
  bool paused_ = false;
  bool overflowed_ = false;
  bool ended_ = false;
  OverflowBuffer waiting_;
  OverflowBuffer taken_;
  std::optional<Gap> gap_;  // taken, not given yet
  // The call that is being put together; the references last until it returned.
  std::vector<EventRef> run_events_;
  std::vector<Delivery> run_;
};

}  // namespace carillon::engine::detail
