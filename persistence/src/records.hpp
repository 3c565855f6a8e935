#pragma once

#include "carillon/engine/event.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// A row of `events`: a version byte, the fields of EventView in fixed places,
/// then `body_json`. The texts of the view are places within it.
[[nodiscard]] std::string encode_event(const engine::EventView& event);

/// Reads the row in place: the view borrows from `row`. nullopt if the bytes
/// contradict themselves or are of another version.
[[nodiscard]] std::optional<engine::EventView> decode_event(std::string_view row,
                                                            engine::Sequence sequence) noexcept;

/// A row of `state`: what a change made of one event for one user. Without a row
/// the event is as it was published.
struct StateRecord {
  engine::EventState state;
  engine::Sequence change = 0;  ///< the sequence of the latest change
};
[[nodiscard]] std::string encode_state(const StateRecord& record);
[[nodiscard]] std::optional<StateRecord> decode_state(std::string_view row) noexcept;

[[nodiscard]] inline engine::EventState initial_state(const engine::EventView& event) noexcept {
  return {.status = event.initial_status, .updated_at = event.created_at, .deleted_at = {}};
}

/// The whole event as the wire shows it.
[[nodiscard]] std::string event_json(const engine::EventView& event,
                                     const engine::EventState& state);

}  // namespace carillon::persistence
