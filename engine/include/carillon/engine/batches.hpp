#pragma once

#include "carillon/engine/received.hpp"
#include "carillon/engine/sink.hpp"

#include <cstdint>
#include <functional>
#include <span>

namespace carillon::engine {

/// Whether a consumer of batches wants the next one.
enum class Demand : std::uint8_t {
  more,   ///< call again as events come
  pause,  ///< not before Subscription::resume(); meanwhile events are queued
};

/// Consecutive events for one consumer, lent for the call.
struct Batch {
  std::span<const Delivery> deliveries{};  ///< `slot` means nothing here
  /// Overflow::latest: older states that these events replaced.
  std::uint64_t superseded = 0;
};

/// The callback way to consume, with demand: see Broadcaster::subscribe_batches.
///
/// Threads   All are called on the shard's thread of the user, one at a time, in
///           the order of events and gaps; on_end last and exactly once.
///           During Broadcaster::stop(): on the thread that calls it.
/// Progress  As a Sink: must not block, throw, or call Broadcaster::stop(). May
///           publish, subscribe, cancel and resume.
struct BatchCallbacks {
  std::function<Demand(const Batch&)> on_events{};  ///< required
  std::function<void(const Gap&)> on_gap{};         ///< required with Overflow::drop and latest
  /// While it is paused, a subscription that overflows ends only after what is
  /// queued was consumed; one that is cancelled or stopped ends at once, and
  /// what is queued is not delivered: the position is that of the last event
  /// that on_events got.
  std::function<void(const End&)> on_end{};
};

}  // namespace carillon::engine
