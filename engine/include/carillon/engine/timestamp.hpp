#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::engine {

/// Wall-clock time, UTC, microseconds: what `createdAt` and its kin carry.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// Length of `2026-11-23T19:14:10.123456Z`.
inline constexpr std::size_t timestamp_text_bytes = 27;

/// Writes exactly `timestamp_text_bytes` characters (RFC 3339), no terminator.
/// Years 0000 to 9999; others are clamped.
void format_timestamp(Timestamp time, char* out) noexcept;
/// What format_timestamp() writes, as a string.
[[nodiscard]] std::string to_string(Timestamp time);

/// Reads RFC 3339 with any offset and up to nine digits of fraction (cut, not
/// rounded, to microseconds), or a bare date (midnight UTC).
[[nodiscard]] std::optional<Timestamp> parse_timestamp(std::string_view text) noexcept;

/// The system's clock; may step back.
[[nodiscard]] Timestamp now() noexcept;

}  // namespace carillon::engine
