#pragma once

#include "persistence/src/rows.hpp"

#include <string>
#include <string_view>

namespace carillon::persistence {

/// The row in words: `state of user …, sequence 7`. For any bytes.
[[nodiscard]] std::string row_name(Table table, std::string_view key);

/// `users …`, or `the broadcasts` for the nil user.
[[nodiscard]] std::string owner_name(std::string_view user);

}  // namespace carillon::persistence
