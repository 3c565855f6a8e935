#include "net/src/response_queue.hpp"

#include "net/src/assert.hpp"

#include <algorithm>
#include <utility>

namespace carillon::net {
void ResponseQueue::grow() {
  std::vector<ResponseSlot> larger(std::max<std::size_t>(1, ring_.size() * 2));
  for (std::uint32_t i = 0; i < count_; ++i) {
    const auto number = (head_ + i) & number_mask;
    larger[number & (larger.size() - 1)] = std::move(at(number));
  }
  ring_ = std::move(larger);
}

std::uint32_t ResponseQueue::push() {
  CARILLON_ASSERT(count_ < number_mask, "more requests in flight than slots have numbers");
  if (count_ == ring_.size()) grow();
  const auto number = (head_ + count_) & number_mask;
  ++count_;
  at(number) = ResponseSlot{};
  return number;
}

void ResponseQueue::pop_back() noexcept {
  --count_;
}

ResponseSlot* ResponseQueue::front() noexcept {
  return count_ == 0 ? nullptr : &at(head_);
}

void ResponseQueue::pop_front() noexcept {
  at(head_).lines.reset();
  head_ = (head_ + 1) & number_mask;
  --count_;
}

ResponseSlot* ResponseQueue::find(std::uint32_t number) noexcept {
  return ((number - head_) & number_mask) < count_ ? &at(number) : nullptr;
}

bool ResponseQueue::is_newest(std::uint32_t number) const noexcept {
  return count_ > 0 && number == ((head_ + count_ - 1) & number_mask);
}

}  // namespace carillon::net
