#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::engine {

/// A 128-bit universally unique identifier (RFC 9562), bytes in network order.
/// A value type: distinct objects may be used from different threads.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};  ///< in network order

  /// As unsigned numbers of 128 bits: UUIDv7s by their time.
  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
  /// Whether all bits are 0.
  [[nodiscard]] constexpr bool is_nil() const noexcept { return *this == Uuid{}; }
};

/// The UUID that owns an event; the user's subscribers receive it.
using UserId = Uuid;
/// Names one event; UUIDv7 unless its publisher chose it.
using EventId = Uuid;

/// Length of the canonical text form, `8-4-4-4-12` hexadecimal digits.
inline constexpr std::size_t uuid_text_bytes = 36;

/// Reads the canonical form (either case). Anything else is `nullopt`.
[[nodiscard]] std::optional<Uuid> parse_uuid(std::string_view text) noexcept;

/// Writes exactly `uuid_text_bytes` lower-case characters, no terminator.
void format_uuid(Uuid uuid, char* out) noexcept;
/// What format_uuid() writes, as a string.
[[nodiscard]] std::string to_string(const Uuid& uuid);

/// A new time-ordered UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix time in
/// milliseconds, then 74 random bits. Any thread; does not block after its
/// thread's first call, which reads the system's entropy once.
[[nodiscard]] Uuid make_uuid_v7() noexcept;

/// A new random UUIDv4. Threads as `make_uuid_v7`.
[[nodiscard]] Uuid make_uuid_v4() noexcept;

/// Hash of all 128 bits, good enough to pick shards and buckets from its high
/// and its low bits independently. Not a defence against chosen keys.
[[nodiscard]] constexpr std::uint64_t hash_uuid(const Uuid& uuid) noexcept {
  auto [high, low] = std::bit_cast<std::array<std::uint64_t, 2>>(uuid.bytes);
  if constexpr (std::endian::native == std::endian::little) {
    high = __builtin_bswap64(high);
    low = __builtin_bswap64(low);
  }
  // The finaliser of splitmix64 (Steele, Lea, Flood 2014) over both halves.
  std::uint64_t hash = high ^ (low * 0x9E3779B97F4A7C15ULL);
  hash = (hash ^ (hash >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94D049BB133111EBULL;
  return hash ^ (hash >> 31U);
}

/// Place in the order of a user (or of the broadcasts): unique in the server,
/// strictly increasing along each order, 0 means "not sequenced yet".
using Sequence = std::uint64_t;

/// Sequences stay within what a JSON number means exactly to JavaScript.
inline constexpr Sequence sequence_max = (std::uint64_t{1} << 53U) - 1;

/// Which shard, 0 to `Broadcaster::shards() - 1`.
using ShardIndex = std::uint32_t;

}  // namespace carillon::engine

/// hash_uuid() for the containers of the standard library.
template <>
struct std::hash<carillon::engine::Uuid> {
  /// hash_uuid().
  std::size_t operator()(const carillon::engine::Uuid& uuid) const noexcept {
    return carillon::engine::hash_uuid(uuid);
  }
};
