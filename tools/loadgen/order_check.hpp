#pragma once

#include "tools/loadgen/stamp.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace carillon::loadgen {

/// In which order a receiver heard its user's events, of all that publish for the
/// user, as two hashes. 16 bytes, however many events come; whether an order
/// differs can be told, not where it does.
class OrderTrail {
 public:
  /// The next event, which had not come before.
  void add(const Stamp& stamp);

  /// The same for the same events in any order.
  [[nodiscard]] std::uint64_t events() const { return events_; }
  /// The same for the same events in the same order.
  [[nodiscard]] std::uint64_t order() const { return order_; }

 private:
  std::uint64_t events_ = 0;
  std::uint64_t order_ = 0;
};

struct HeardOrder {
  std::uint32_t user = 0;
  OrderTrail trail{};
};

struct OrderComparison {
  std::uint64_t compared = 0;          ///< receivers that heard the same events as another one
  std::uint64_t not_compared = 0;      ///< who missed something that all others heard, or reverse
  std::vector<std::size_t> different;  ///< receivers, but for those with the most frequent order
};

/// Compares receivers of the same user that heard the same events.
[[nodiscard]] OrderComparison compare_orders(const std::vector<HeardOrder>& receivers);

}  // namespace carillon::loadgen
