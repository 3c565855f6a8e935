#pragma once

#include <cstdint>

namespace carillon::engine {

/// Counters and gauges of a Broadcaster. Each is exact on its own; together
/// they are not one instant.
struct Metrics {
  std::uint64_t accepted_total = 0;      ///< events accepted, counted as a turn takes them
  std::uint64_t refused_total = 0;       ///< publishes answered `full`
  std::uint64_t sequenced_total = 0;     ///< events and changes given a sequence
  std::uint64_t delivered_total = 0;     ///< event × subscription, handed to sinks
  std::uint64_t duplicates_total = 0;    ///< publishes of an id that was known
  std::uint64_t subscriptions = 0;       ///< live now
  std::uint64_t mailboxes = 0;           ///< users with one now
  std::uint64_t queued_bytes = 0;        ///< accepted, not yet durable
  std::uint64_t event_memory_bytes = 0;  ///< events alive
};

}  // namespace carillon::engine
