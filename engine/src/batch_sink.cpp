#include "engine/src/batch_sink.hpp"

#include "engine/src/assert.hpp"
#include "engine/src/subscription_state.hpp"

#include <utility>

namespace carillon::engine::detail {

BatchSink::BatchSink(BatchCallbacks callbacks, QueueOptions options)
    : callbacks_{std::move(callbacks)},
      options_{std::move(options)},
      waiting_{options_},
      taken_{options_} {
  CARILLON_ASSERT(callbacks_.on_events, "subscribe_batches needs on_events");
  CARILLON_ASSERT(options_.overflow == Overflow::close || callbacks_.on_gap,
                  "what skips events needs on_gap");
  CARILLON_ASSERT(options_.overflow != Overflow::latest || options_.key,
                  "Overflow::latest needs a key");
}

void BatchSink::on_events(const DeliveryBatch& batch) noexcept {
  if (ended_ || overflowed_) return;
  if (paused_) return queue(batch);
  reached_ = given_ = batch.deliveries.back().position;
  paused_ = callbacks_.on_events({.deliveries = batch.deliveries}) == Demand::pause;
}

void BatchSink::queue(const DeliveryBatch& batch) {
  for (const auto& delivery : batch.deliveries) {
    if (!waiting_.put(*delivery.event, delivery.position, *reached_)) {
      // It stays subscribed, so that resume() still reaches it.
      overflowed_ = true;
      return;
    }
    reached_ = delivery.position;
  }
}

void BatchSink::on_resume() noexcept {
  if (ended_) return;
  paused_ = false;
  while (!paused_) {
    if (taken_.empty() && !gap_) {
      taken_.clear();
      if (waiting_.empty()) break;
      std::swap(taken_, waiting_);
    }
    give_taken();
  }
  if (paused_ || !overflowed_) return;
  end(EndReason::overflowed);
  state_->cancel();
}

void BatchSink::give_taken() {
  if (gap_) {
    given_ = gap_->to;
    return callbacks_.on_gap(*std::exchange(gap_, std::nullopt));
  }
  Batch batch;
  while (run_.size() < deliveries_max) {
    const auto received = taken_.pop();
    if (const auto* gap = received.gap()) gap_ = *gap;
    const auto* one = received.event();
    if (one == nullptr) break;
    run_.push_back({.event = one->event.get(), .position = one->position});
    run_events_.push_back(one->event);
    batch.superseded += one->superseded;
  }
  if (run_.empty()) return;
  given_ = run_.back().position;
  batch.deliveries = run_;
  paused_ = callbacks_.on_events(batch) == Demand::pause;
  run_.clear();
  run_events_.clear();
}

void BatchSink::on_end(EndReason reason) noexcept {
  if (!ended_) end(reason);
}

void BatchSink::end(EndReason reason) {
  ended_ = true;
  waiting_.clear();
  taken_.clear();
  if (callbacks_.on_end) callbacks_.on_end({.reason = reason, .position = given_});
}

}  // namespace carillon::engine::detail
