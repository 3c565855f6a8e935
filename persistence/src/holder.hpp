#pragma once

#include "carillon/engine/event.hpp"
#include "persistence/src/keys.hpp"

namespace carillon::persistence {

/// Under whom a store keeps the event: its owner, or the nil user that has the broadcasts.
[[nodiscard]] inline const engine::UserId& holder_of(const engine::EventView& event) noexcept {
  return event.audience == engine::Audience::everyone ? broadcasts_owner : event.owner;
}

}  // namespace carillon::persistence
