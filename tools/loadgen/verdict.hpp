#pragma once

#include "tools/loadgen/publisher.hpp"
#include "tools/loadgen/receiver.hpp"
#include "tools/loadgen/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace carillon::loadgen {

/// How many numbers of `range` were refused, were never answered, or must have
/// come.
struct GapSplit {
  std::uint64_t refused = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t acknowledged = 0;
};
[[nodiscard]] GapSplit split_gap(const SequenceCheck::Range& range, const Stream& stream);

/// The numbers that were refused and came all the same: they lie in no gap. A server
/// that says no may not do it.
[[nodiscard]] std::vector<std::uint64_t> find_refused_delivered(
    const std::vector<std::uint64_t>& refused, const std::vector<SequenceCheck::Range>& missing);

/// What all receivers missed of what was acknowledged, and heard wrongly.
[[nodiscard]] Faults find_faults(const std::vector<std::unique_ptr<Receiver>>& receivers,
                                 const std::vector<Stream>& streams);

/// The one rule for what the load generator's processor allowed: its thread ran, or
/// was ready to, over 90 % of the time.
[[nodiscard]] bool at_its_end(const OwnFigures& own);

/// Who had no processor time left: `server`, `loadgen`, `both` or `neither`. Then
/// something else held them up: a disk, a rate, too few connections.
[[nodiscard]] std::string find_saturated(const ServerFigures& server,
                                         double window_s,
                                         const OwnFigures& own);

/// Fills in `bottleneck` if the load generator was at its end, and otherwise in
/// `disturbed` what the machine did to it. `offered`: events that were due.
void judge(OwnFigures& own, std::uint64_t offered);

}  // namespace carillon::loadgen
