#pragma once

#include "carillon/engine/event.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// An event as its row has it. Its `body_json` is empty if the row does without: the
/// fields and `metadata_json` then say all of it.
struct StoredEvent : engine::EventView {
  std::string_view metadata_json{};
};

/// A row of `events`: the fields of EventView, then the texts that only this event
/// has. The JSON of the engine's events follows from those, so it is not kept; an
/// event whose `body_json` is any other text keeps it, in an older version of the row.
[[nodiscard]] std::string encode_event(const engine::EventView& event);

/// Reads the row in place: the texts borrow from `row`. nullopt if the bytes
/// contradict themselves or are of no known version.
[[nodiscard]] std::optional<StoredEvent> decode_event(std::string_view row,
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
[[nodiscard]] std::string event_json(const StoredEvent& event, const engine::EventState& state);

}  // namespace carillon::persistence
