#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/filter.hpp"
#include "carillon/engine/inbox.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/query_string.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::net {

/// Most events that one page holds, whatever was asked for.
inline constexpr std::uint64_t page_size_max = 10'000;

/// The filter that a query asks for: the same language for list and subscribe.
/// Parameters that are none of the language's are ignored (Meshery's UI sends
/// more than it needs); a value that can't be read is a fault, never a wider
/// result.
[[nodiscard]] engine::Filter read_filter(const QueryString& query, Faults& faults);

/// Page, order and filter of a list. `epoch` is the one that cursors must be of.
[[nodiscard]] engine::ListQuery read_list_query(const QueryString& query,
                                                const engine::UserId& user,
                                                engine::Epoch epoch,
                                                Faults& faults);

/// A cursor of this epoch; anything else is a fault of `field`.
[[nodiscard]] std::optional<engine::Position> read_cursor(std::string_view field,
                                                          std::string_view text,
                                                          engine::Epoch epoch,
                                                          Faults& faults);

}  // namespace carillon::net
