#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>

namespace carillon::net {

/// How many of each key are open.
///
/// Threads   Any; a mutex per stripe, held for one look-up. For what happens once
///           in a connection's life, never per event.
/// Bound     One entry per key that has something open; none is left at 0.
template <class Key, class Hash = std::hash<Key>>
class CountTable {
 public:
  /// Counts one more, unless there are `max` already (0: no limit).
  [[nodiscard]] bool add(const Key& key, std::uint64_t max) {
    auto& stripe = stripe_of(key);
    const std::lock_guard lock{stripe.mutex};
    auto& count = stripe.counts[key];
    if (max != 0 && count >= max) return false;  // then it is not 0, and stays
    ++count;
    return true;
  }

  void remove(const Key& key) noexcept {
    auto& stripe = stripe_of(key);
    const std::lock_guard lock{stripe.mutex};
    const auto found = stripe.counts.find(key);
    if (found != stripe.counts.end() && --found->second == 0) stripe.counts.erase(found);
  }

  /// For metrics and tests.
  [[nodiscard]] std::size_t keys() const {
    std::size_t sum = 0;
    for (const auto& stripe : stripes_) {
      const std::lock_guard lock{stripe.mutex};
      sum += stripe.counts.size();
    }
    return sum;
  }

 private:
  struct alignas(64) Stripe {
    mutable std::mutex mutex;
    std::unordered_map<Key, std::uint32_t, Hash> counts;
  };

  [[nodiscard]] Stripe& stripe_of(const Key& key) noexcept {
    // The high bits: the map uses the low ones.
    return stripes_[(Hash{}(key)*0x9E3779B97F4A7C15ULL) >> 60U];
  }

  std::array<Stripe, 16> stripes_;
};

}  // namespace carillon::net
