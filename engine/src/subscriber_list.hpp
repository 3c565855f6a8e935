#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace carillon::engine {
class Sink;
}

namespace carillon::engine::detail {

class SubscriptionState;

/// A subscription as its mailbox knows it: what a delivery needs, without a look at
/// the subscription itself.
struct Subscriber {
  SubscriptionState* state = nullptr;  // a counted reference
  Sink* sink = nullptr;                // null: it has a filter, ask the state
};

/// The subscriptions of one mailbox; one of them lies in the list itself, as most users
/// have no more, and with many users each line less is a wait in memory less. The
/// shard's.
class SubscriberList {
 public:
  SubscriberList() noexcept : one_{} {}
  SubscriberList(const SubscriberList&) = delete;
  SubscriberList& operator=(const SubscriberList&) = delete;
  ~SubscriberList() {
    if (capacity_ > 1) delete[] many_;
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// Valid until the list changes.
  [[nodiscard]] std::span<const Subscriber> all() const noexcept { return {data(), size_}; }

  void push_back(const Subscriber& subscriber) {
    if (size_ == capacity_) grow();
    data()[size_++] = subscriber;
  }
  /// The last one takes the place of the `index`-th; that one, or null if none is moved.
  [[nodiscard]] SubscriptionState* remove(std::uint32_t index) noexcept {
    const auto last = data()[--size_];
    if (index == size_) return nullptr;
    data()[index] = last;
    return last.state;
  }
  void clear() noexcept { size_ = 0; }

 private:
  [[nodiscard]] const Subscriber* data() const noexcept { return capacity_ > 1 ? many_ : &one_; }
  [[nodiscard]] Subscriber* data() noexcept { return capacity_ > 1 ? many_ : &one_; }
  void grow() {
    const auto capacity = std::max(4U, 2 * capacity_);
    auto* larger = new Subscriber[capacity];
    std::copy_n(data(), size_, larger);
    if (capacity_ > 1) delete[] many_;
    many_ = larger;
    capacity_ = capacity;
  }

  union {
    Subscriber one_;    // capacity_ is 1
    Subscriber* many_;  // above
  };
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 1;
};
static_assert(sizeof(SubscriberList) == 24);

}  // namespace carillon::engine::detail
