#pragma once

#include "carillon/engine/event.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// Appends a `body_json` up to its metadata, as the engine writes it.
void append_event_head(std::string& out, const engine::EventView& event);

/// The metadata in a `body_json`, or nullopt if the text before it is not what
/// append_event_head() writes.
[[nodiscard]] std::optional<std::string_view> metadata_of(const engine::EventView& event);

}  // namespace carillon::persistence
