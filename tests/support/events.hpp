#pragma once

#include "carillon/engine/broadcaster.hpp"

#include <string_view>
#include <utility>

namespace carillon::testing {

/// A user whose UUID shows its number.
inline engine::UserId user(std::uint8_t number) {
  engine::UserId id;
  id.bytes[0] = 0xAA;
  id.bytes[15] = number;
  return id;
}

/// A builder with everything that an event must have.
inline engine::EventBuilder event_for(engine::Broadcaster& broadcaster,
                                      const engine::UserId& owner,
                                      std::string_view description = "") {
  auto builder = broadcaster.event();
  builder.from_user(owner)
      .with_category("pattern")
      .with_action("deploy")
      .with_severity(engine::Severity::success)
      .with_description(description);
  return builder;
}

inline engine::NewEvent make_event(engine::Broadcaster& broadcaster,
                                   const engine::UserId& owner,
                                   std::string_view description = "") {
  return std::move(*event_for(broadcaster, owner, description).build());
}

inline engine::NewEvent make_broadcast(engine::Broadcaster& broadcaster,
                                       std::string_view description = "") {
  return std::move(
      *event_for(broadcaster, {}, description).for_audience(engine::Audience::everyone).build());
}

}  // namespace carillon::testing
