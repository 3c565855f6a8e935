#pragma once

#include "carillon/engine/result.hpp"
#include "persistence/src/coding.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/rows.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// Rows of `meta`.
inline constexpr std::string_view meta_schema = "schema";     ///< number
inline constexpr std::string_view meta_epoch = "epoch";       ///< number
inline constexpr std::string_view meta_system = "system_id";  ///< UUID
inline constexpr std::string_view meta_user = "local_user";   ///< UUID
inline constexpr std::string_view meta_commits = "commits";   ///< number of the latest commit
inline constexpr std::string_view meta_logs = "logs";         ///< see LogWatch: of RocksDB alone
inline constexpr std::string_view meta_reserved_until = "reserved_until";  ///< sequence
/// Followed by the number of a generation and of a write: what that write added to counters.
inline constexpr std::string_view meta_additions = "additions";
inline constexpr std::string_view meta_folded = "folded";  ///< which of them are in rows

/// Version of the layout in README. A store of an earlier one is migrated when it is
/// opened (rocks_migrations), of a later one refused.
inline constexpr std::uint64_t schema_version = 3;

[[nodiscard]] inline std::string encode_number(std::uint64_t value) {
  std::string bytes;
  put_fixed<8>(bytes, value);
  return bytes;
}

/// An absent number is 0.
[[nodiscard]] inline engine::Result<std::uint64_t> read_number(const Rows& rows,
                                                               std::string_view key) {
  std::string value;
  const auto there = rows.get(Table::meta, key, value);
  if (!there) return there.error();
  if (!*there) return std::uint64_t{0};
  if (value.size() != 8) return damaged("a number", key);
  return get_fixed<8>(value.data());
}

}  // namespace carillon::persistence
