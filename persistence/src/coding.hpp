#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// Appends `value` in `Bytes` bytes, big endian, so that keys sort by number.
template <std::size_t Bytes>
void put_fixed(std::string& out, std::uint64_t value) {
  for (std::size_t i = Bytes; i-- > 0;)
    out.push_back(static_cast<char>((value >> (8U * i)) & 0xFFU));
}

/// REQUIRES at least `Bytes` bytes at `at`.
template <std::size_t Bytes>
[[nodiscard]] std::uint64_t get_fixed(const char* at) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < Bytes; ++i)
    value = (value << 8U) | static_cast<unsigned char>(at[i]);
  return value;
}

inline void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U)
    out.push_back(static_cast<char>((value & 0x7FU) | 0x80U));
  out.push_back(static_cast<char>(value));
}

/// Takes a number off the front of `in`; nullopt if there is none.
[[nodiscard]] inline std::optional<std::uint64_t> take_varint(std::string_view& in) noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

/// Signed numbers near zero as small unsigned ones.
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63U);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>((value >> 1U) ^ (~(value & 1U) + 1U));
}

}  // namespace carillon::persistence
