#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/filter.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace carillon::engine {

/// A status update or deletion of a user's events. It takes a sequence in the
/// same order as the user's events; the store applies it in that order.
struct Change {
  /// What is done to the events.
  enum class Kind : std::uint8_t {
    set_status,  ///< they get `status`
    remove,      ///< they are deleted
  };

  Kind kind = Kind::set_status;  ///< what is done
  UserId user{};                 ///< in whose inbox
  Status status = Status::read;  ///< for set_status
  /// Which events: these ids, or, without ids, all that pass `filter` and lie
  /// at or before `up_to` (without it: at or before the change itself).
  std::vector<EventId> ids{};
  std::optional<Filter> filter{};   ///< see `ids`
  std::optional<Position> up_to{};  ///< see `ids`

  Sequence sequence = 0;  ///< set by the shard that sequences the change
  Timestamp at{};         ///< when that was

  /// Set by the store that applies it, before it is acknowledged: the ids that
  /// exist in the user's inbox and now have the wanted state. An id that is not
  /// there (or is deleted) is not in the list.
  std::vector<EventId> affected{};
};

}  // namespace carillon::engine
