#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/ids.hpp"

#include <cstdint>
#include <vector>

namespace carillon::engine::detail {

class Shard;
class SubscriptionState;

/// Subscriptions of one user on a shard that is not the user's: its guests there.
///
/// Role      One per user and shard with guests. The user's shard hands each event
///           over once for all of them.
/// Threads   Made by the user's shard, which keeps its address as a name; all else is
///           the guests' shard's, from the first join that is relayed to it.
/// Lifetime  Ends with its last subscription. The user's shard counts joins and
///           leaves in the order in which it relays them, so both agree on when.
struct GuestGroup {
  std::vector<SubscriptionState*> subscriptions{};  // counted references
  Sequence reached = 0;                             // of the user's order, told with broadcasts
  std::uint32_t index = 0;                          // in the shard's list of groups
};

/// The user's shard's side: who must be handed each event.
struct GuestShard {
  Shard* shard = nullptr;
  GuestGroup* group = nullptr;  // a name only
  std::uint32_t subscriptions = 0;
};

/// What one shard hands to another. What one shard hands over keeps its order.
struct Relayed {
  enum class Kind : std::uint8_t {
    broadcast,  // `event`
    event,      // `event` for `group`
    join,       // `state` into `group`, at `user`
    leave,      // `state` out of `group`; without a group it never got in
    resume,     // `state`
  };

  Kind kind = Kind::broadcast;
  GuestGroup* group = nullptr;
  const Event* event = nullptr;        // a counted reference
  SubscriptionState* state = nullptr;  // a counted reference, except for leave from a group
  Sequence user = 0;                   // the place in the user's order
};

}  // namespace carillon::engine::detail
