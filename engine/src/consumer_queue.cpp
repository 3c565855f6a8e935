#include "engine/src/consumer_queue.hpp"

#include "engine/src/assert.hpp"
#include "engine/src/subscription_state.hpp"

#include <utility>

namespace carillon::engine::detail {

ConsumerQueue::ConsumerQueue(QueueOptions options)
    : options_{std::move(options)}, hand_over_{options_} {
  CARILLON_ASSERT(options_.overflow != Overflow::latest || options_.key,
                  "Overflow::latest needs a key");
}

void ConsumerQueue::on_events(const DeliveryBatch& batch) noexcept {
  if (ended_) return;  // overflowed; the leave is on its way
  auto& buffer = hand_over_.open();
  for (const auto& delivery : batch.deliveries) {
    if (!buffer.put(*delivery.event, delivery.position, *reached_)) {
      ended_ = true;
      buffer.end({.reason = EndReason::overflowed, .position = reached_});
      state_->cancel();
      break;
    }
    reached_ = delivery.position;
  }
  publish();
}

void ConsumerQueue::on_end(EndReason reason) noexcept {
  if (std::exchange(ended_, true)) return;
  hand_over_.open().end({.reason = reason, .position = reached_});
  publish();
}

void ConsumerQueue::publish() noexcept {
  if (hand_over_.publish()) wake();
}

Received ConsumerQueue::next_queued() {
  if (!ready()) return {};
  if (taken_ == nullptr) return Received{*end_};
  auto received = taken_->pop();
  if (const auto* end = received.end()) end_ = *end;
  return received;
}

bool ConsumerQueue::ready() noexcept {
  if (taken_ != nullptr) {
    if (!taken_->empty()) return true;
    HandOver::give_back(*std::exchange(taken_, nullptr));
  }
  taken_ = hand_over_.take();
  return taken_ != nullptr || end_.has_value();
}

}  // namespace carillon::engine::detail
