#pragma once

#include <cstdint>
#include <vector>

namespace carillon::loadgen {

/// Checks at one receiver what came of one stream of numbers 0, 1, 2, …: each
/// once, ascending. Memory grows with the number of gaps, not of events.
class SequenceCheck {
 public:
  enum class Arrival : std::uint8_t {
    in_order,      ///< the next one
    after_gap,     ///< numbers before it are missing so far
    out_of_order,  ///< one that was missing, too late
    duplicate,     ///< had come already
  };

  /// Numbers [first, end) that did not come.
  struct Range {
    std::uint64_t first;
    std::uint64_t end;
    bool told;  ///< the server had said that it would skip some
    [[nodiscard]] std::uint64_t count() const { return end - first; }
  };

  /// `told`: the server has spoken of a gap since the last arrival.
  Arrival take(std::uint64_t number, bool told = false);

  /// What is missing of the numbers below `sent`, ascending. `told_after_last`
  /// is for those behind the last arrival: the server had ended the stream.
  [[nodiscard]] std::vector<Range> missing(std::uint64_t sent, bool told_after_last) const;

 private:
  Arrival take_late(std::uint64_t number);

  std::uint64_t next_ = 0;
  std::vector<Range> gaps_;
};

}  // namespace carillon::loadgen
