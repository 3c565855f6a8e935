#pragma once

#include "carillon/engine/ids.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::engine {

/// How far a subscriber is in the two orders that it hears.
struct Position {
  Sequence user = 0;       ///< everything of its user up to here was seen
  Sequence broadcast = 0;  ///< every broadcast up to here was seen

  /// By `user`, then by `broadcast`.
  friend auto operator<=>(const Position&, const Position&) = default;
};

/// Names one life of the sequence space; 48 random bits.
using Epoch = std::uint64_t;

/// What a subscriber resumes from, the same on WebSocket, SSE and REST.
struct Cursor {
  Epoch epoch = 0;      ///< the life of the sequence space that `position` is in
  Position position{};  ///< how far its subscriber is

  /// Same epoch and same position.
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

/// Length of a cursor's text: 24 bytes in base64url (RFC 4648), no padding.
inline constexpr std::size_t cursor_text_bytes = 32;

/// Writes exactly `cursor_text_bytes` characters, no terminator.
void format_cursor(const Cursor& cursor, char* out) noexcept;
/// What format_cursor() writes, as a string.
[[nodiscard]] std::string to_string(const Cursor& cursor);

/// `nullopt` for anything that format_cursor did not write: the text carries a
/// check value, so that a mangled cursor is an error and not another place.
[[nodiscard]] std::optional<Cursor> parse_cursor(std::string_view text) noexcept;

}  // namespace carillon::engine
