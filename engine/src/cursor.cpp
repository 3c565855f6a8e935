#include "carillon/engine/cursor.hpp"

#include <array>

namespace carillon::engine {
namespace {

// Layout of the 24 bytes, big endian: version 1, epoch 6, user 7, broadcast 7,
// check 3. Fixed width, so that a frame's length does not depend on it.
constexpr std::size_t cursor_bytes = 24;
constexpr std::uint8_t cursor_version = 1;
constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using Bytes = std::array<std::uint8_t, cursor_bytes>;

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto values = make_values();

void put(Bytes& bytes, std::size_t at, std::size_t count, std::uint64_t value) noexcept {
  for (std::size_t i = count; i-- > 0;) {
    bytes[at + i] = static_cast<std::uint8_t>(value);
    value >>= 8U;
  }
}

std::uint64_t get(const Bytes& bytes, std::size_t at, std::size_t count) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i)
    value = (value << 8U) | bytes[at + i];
  return value;
}

/// 24 bits that tell a mangled cursor from a whole one; not a signature.
std::uint64_t check_of(const Cursor& cursor) noexcept {
  std::uint64_t hash = cursor.epoch * 0x9E3779B97F4A7C15ULL;
  hash = (hash ^ (hash >> 29U) ^ cursor.position.user) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 32U) ^ cursor.position.broadcast) * 0x94D049BB133111EBULL;
  return hash >> 40U;
}

}  // namespace

void format_cursor(const Cursor& cursor, char* out) noexcept {
  Bytes bytes;
  bytes[0] = cursor_version;
  put(bytes, 1, 6, cursor.epoch);
  put(bytes, 7, 7, cursor.position.user);
  put(bytes, 14, 7, cursor.position.broadcast);
  put(bytes, 21, 3, check_of(cursor));
  for (std::size_t i = 0; i < cursor_bytes; i += 3) {
    const auto group = static_cast<std::uint32_t>(get(bytes, i, 3));
    *out++ = alphabet[(group >> 18U) & 63U];
    *out++ = alphabet[(group >> 12U) & 63U];
    *out++ = alphabet[(group >> 6U) & 63U];
    *out++ = alphabet[group & 63U];
  }
}

std::string to_string(const Cursor& cursor) {
  std::string text(cursor_text_bytes, '\0');
  format_cursor(cursor, text.data());
  return text;
}

std::optional<Cursor> parse_cursor(std::string_view text) noexcept {
  if (text.size() != cursor_text_bytes) return std::nullopt;
  Bytes bytes;
  for (std::size_t i = 0; i < cursor_bytes / 3; ++i) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int value = values[static_cast<unsigned char>(text[i * 4 + k])];
      if (value < 0) return std::nullopt;
      group = (group << 6U) | static_cast<std::uint32_t>(value);
    }
    put(bytes, i * 3, 3, group);
  }
  const Cursor cursor{.epoch = get(bytes, 1, 6),
                      .position = {.user = get(bytes, 7, 7), .broadcast = get(bytes, 14, 7)}};
  if (bytes[0] != cursor_version || get(bytes, 21, 3) != check_of(cursor)) return std::nullopt;
  return cursor;
}

}  // namespace carillon::engine
