#pragma once

#include "persistence/src/rows.hpp"

#include <string>
#include <string_view>

namespace carillon::persistence {

/// The row in words: `state of user …, sequence 7`. For any bytes.
[[nodiscard]] std::string row_name(Table table, std::string_view key);

/// `users …`, or `the broadcasts` for the nil user.
[[nodiscard]] std::string owner_name(std::string_view user);

/// `kind CATEGORY/ACTION of user …`; a kind as rows of kinds have it.
[[nodiscard]] std::string kind_name(std::string_view user, std::string_view kind);

}  // namespace carillon::persistence
