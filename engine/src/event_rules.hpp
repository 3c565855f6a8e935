#pragma once

#include "carillon/engine/event_builder.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::engine::detail {

// The rules of the event's fields, shared by the builder and the parser, so
// that both report the same faults in the same words.

/// Required, snake_case, bounded.
void check_kind(std::string_view field, std::string_view value, std::vector<Fault>& faults);

/// `severity` is what was sent; empty means absent.
[[nodiscard]] std::optional<Severity> check_severity(std::string_view severity,
                                                     std::vector<Fault>& faults);

/// Counts code points of a JSON string's inside (escaped text), of which each must be a
/// character: no half of a surrogate pair.
void check_description(std::string_view description_json, std::vector<Fault>& faults);

/// `metadata_json` is a well-formed object, in which no string may hold half of a
/// surrogate pair.
void check_metadata(std::optional<Severity> severity,
                    std::string_view metadata_json,
                    std::vector<Fault>& faults);

}  // namespace carillon::engine::detail
