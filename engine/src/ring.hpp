#pragma once

#include "engine/src/assert.hpp"

#include <cstddef>
#include <vector>

namespace carillon::engine::detail {

/// First in first out, in a vector that is gone round: unlike std::deque it
/// allocates only to hold more than ever before. One thread.
template <class T>
class Ring {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  /// The `index`-th from the front; `index` is below size().
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept {
    return places_[(front_ + index) & (places_.size() - 1)];
  }
  void push_back(T value) {
    if (size_ == places_.size()) grow();
    places_[(front_ + size_++) & (places_.size() - 1)] = value;
  }
  [[nodiscard]] T pop_front() noexcept {
    CARILLON_ASSERT(size_ > 0, "the ring is empty");
    const auto value = places_[front_];
    front_ = (front_ + 1) & (places_.size() - 1);
    --size_;
    return value;
  }

 private:
  static constexpr std::size_t places_min = 64;  // a power of two, as all that follow

  void grow() {
    std::vector<T> larger(size_ == 0 ? places_min : 2 * size_);
    for (std::size_t i = 0; i < size_; ++i)
      larger[i] = (*this)[i];
    places_.swap(larger);
    front_ = 0;
  }

  std::vector<T> places_;
  std::size_t front_ = 0;
  std::size_t size_ = 0;
};

}  // namespace carillon::engine::detail
