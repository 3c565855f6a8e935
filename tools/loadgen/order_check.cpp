#include "tools/loadgen/order_check.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace carillon::loadgen {

void OrderTrail::add(const Stamp& stamp) {
  // Finalizer of SplitMix64: small dense numbers become values whose sums differ.
  auto value = stamp.number * 0x9E3779B97F4A7C15U + stamp.stream * 0xC2B2AE3D27D4EB4FU + 1;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  value ^= value >> 31;
  events_ += value;
  order_ = order_ * 0x165667B19E3779F9U + value;
}

OrderComparison compare_orders(const std::vector<HeardOrder>& receivers) {
  using Receivers = std::vector<std::size_t>;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::map<std::uint64_t, Receivers>> groups;
  for (std::size_t number = 0; number < receivers.size(); ++number) {
    const auto& [user, trail] = receivers[number];
    groups[{user, trail.events()}][trail.order()].push_back(number);
  }
  OrderComparison result;
  for (const auto& [events, orders] : groups) {
    const auto usual = std::max_element(
        orders.begin(), orders.end(),
        [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
    if (orders.size() == 1 && usual->second.size() == 1) {
      ++result.not_compared;
      continue;
    }
    for (auto order = orders.begin(); order != orders.end(); ++order) {
      result.compared += order->second.size();
      if (order == usual) continue;
      result.different.insert(result.different.end(), order->second.begin(), order->second.end());
    }
  }
  return result;
}

}  // namespace carillon::loadgen
