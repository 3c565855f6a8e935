#include "tools/loadgen/sequence_check.hpp"

#include <algorithm>

namespace carillon::loadgen {

SequenceCheck::Arrival SequenceCheck::take(std::uint64_t number, bool told) {
  if (number < next_) return take_late(number);
  const bool gap = number > next_;
  if (gap) gaps_.push_back({next_, number, told});
  next_ = number + 1;
  return gap ? Arrival::after_gap : Arrival::in_order;
}

SequenceCheck::Arrival SequenceCheck::take_late(std::uint64_t number) {
  const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [number](const Range& range) {
    return range.first <= number && number < range.end;
  });
  if (gap == gaps_.end()) return Arrival::duplicate;
  const Range behind{number + 1, gap->end, gap->told};
  gap->end = number;
  const auto place = gap->count() == 0 ? gaps_.erase(gap) : gap + 1;
  if (behind.count() > 0) gaps_.insert(place, behind);
  return Arrival::out_of_order;
}

std::vector<SequenceCheck::Range> SequenceCheck::missing(std::uint64_t sent,
                                                         bool told_after_last) const {
  auto ranges = gaps_;
  if (next_ < sent) ranges.push_back({next_, sent, told_after_last});
  return ranges;
}

}  // namespace carillon::loadgen
