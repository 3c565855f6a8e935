#pragma once

#include "carillon/engine/filter.hpp"
#include "net/src/error_envelope.hpp"

#include <string_view>

namespace carillon::net {

/// Adds one value of one field to `filter`, whether it came in a query or in a
/// JSON body: the one place that knows the filter language. `field` is any of
/// its spellings. False if there is no such field; a bad value becomes a fault.
[[nodiscard]] bool add_filter_value(engine::Filter& filter,
                                    std::string_view field,
                                    std::string_view value,
                                    Faults& faults);

/// Whether the field takes several values (lists), by any of its spellings.
[[nodiscard]] bool is_list_field(std::string_view field) noexcept;
/// Whether the field takes one value.
[[nodiscard]] bool is_single_field(std::string_view field) noexcept;

}  // namespace carillon::net
