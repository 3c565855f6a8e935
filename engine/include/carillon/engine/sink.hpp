#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event.hpp"

#include <cstdint>
#include <span>

namespace carillon::engine {

/// One event on its way to one subscription.
struct Delivery {
  const Event* event = nullptr;  ///< lent for the call; keep it with EventRef::share
  Position position{};           ///< of every subscriber of this user after this event
  /// Equal for all subscriptions that get this very delivery in this turn, and
  /// distinct within a turn: lets sinks encode once and share the bytes.
  std::uint32_t slot = 0;
};

/// Deliveries to one subscription, in order.
struct DeliveryBatch {
  std::span<const Delivery> deliveries{};  ///< valid during the call
  ShardIndex shard = 0;                    ///< whose thread calls
  std::uint64_t turn = 0;  ///< number of the shard's turn; slots are valid within it
};

/// Why a subscription ended.
enum class EndReason : std::uint8_t {
  cancelled,   ///< by its handle
  stopped,     ///< the broadcaster stops
  overflowed,  ///< its queue reached its bound, see Overflow::close; never given to a Sink
};

/// Where a subscription's events go: what a receiver implements.
///
/// Threads   All calls come from the thread of the user's shard, or of
///           SubscribeOptions::shard, one at a time: on_start first, on_end last and
///           exactly once.
/// Progress  A call must not block, throw, or call Broadcaster::stop(). It may
///           publish, subscribe and cancel.
/// Lifetime  The broadcaster holds the sink until on_end has returned.
class Sink {
 public:
  Sink() = default;
  virtual ~Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  /// The subscription has its place in the order: nothing up to `at` will be
  /// delivered, everything after it that passes the filter will.
  virtual void on_start(const Position& at) noexcept { static_cast<void>(at); }
  /// The next deliveries; never empty.
  virtual void on_events(const DeliveryBatch& batch) noexcept = 0;
  /// Somebody called Subscription::resume() since the last call.
  virtual void on_resume() noexcept {}
  /// The last call: the sink may be destroyed after it.
  virtual void on_end(EndReason reason) noexcept { static_cast<void>(reason); }
};

}  // namespace carillon::engine
