#pragma once

#include "carillon/engine/received.hpp"

#include <string>

namespace carillon::testing {

/// A received item as a test names it: the event's description (`a`, or `a+2` if it
/// superseded two), `gap of 3`, `end: overflowed`, or `nothing`.
inline std::string text(const engine::Received& received) {
  if (const auto* one = received.event())
    return one->event->description() +
           (one->superseded > 0 ? "+" + std::to_string(one->superseded) : "");
  if (const auto* gap = received.gap()) return "gap of " + std::to_string(gap->events);
  if (const auto* end = received.end()) {
    switch (end->reason) {
      case engine::EndReason::cancelled:
        return "end: cancelled";
      case engine::EndReason::stopped:
        return "end: stopped";
      case engine::EndReason::overflowed:
        return "end: overflowed";
    }
  }
  return "nothing";
}

}  // namespace carillon::testing
