#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace carillon::net {

/// How many of each key are open.
///
/// Threads   Any; a mutex per stripe, held for one look-up. For what happens once
///           in a connection's life, never per event.
/// Bound     One entry per key that has something open; none is left at 0.
template <class Key, class Hash = std::hash<Key>>
class CountTable {
 public:
  /// A key and its count. Whoever was counted keeps its address to give that back: half
  /// as much as the key of a user. The rest is the table's.
  using Entry = std::pair<const Key, std::uint32_t>;

  /// Counts one more; null if there are `max` already (0: no limit).
  [[nodiscard]] Entry* add(const Key& key, std::uint64_t max) {
    auto& stripe = stripe_of(key);
    const std::lock_guard lock{stripe.mutex};
    auto& entry = *stripe.counts.try_emplace(key).first;
    if (max != 0 && entry.second >= max) return nullptr;  // then it is not 0, and stays
    ++entry.second;
    return &entry;
  }

  /// Once for each add(). Null: nothing was counted.
  void remove(Entry* entry) noexcept {
    if (entry == nullptr) return;
    auto& stripe = stripe_of(entry->first);
    const std::lock_guard lock{stripe.mutex};
    if (--entry->second == 0) stripe.counts.erase(stripe.counts.find(entry->first));
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
