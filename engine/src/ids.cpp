#include "carillon/engine/ids.hpp"

#include <sys/random.h>
#include <time.h>

#include <bit>
#include <chrono>
#include <cstring>

namespace carillon::engine {
namespace {

constexpr std::array<std::int8_t, 256> make_hex_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < 10; ++i)
    values['0' + i] = static_cast<std::int8_t>(i);
  for (std::size_t i = 0; i < 6; ++i) {
    values['a' + i] = static_cast<std::int8_t>(10 + i);
    values['A' + i] = static_cast<std::int8_t>(10 + i);
  }
  return values;
}
constexpr auto hex_values = make_hex_values();

/// A number in network order.
std::uint64_t network_order(std::uint64_t value) noexcept {
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

constexpr bool dash_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

/// xoshiro256** (Blackman, Vigna 2018), seeded once per thread by the system.
/// Ids need uniqueness, not secrecy.
class Random {
 public:
  Random() noexcept {
    // On failure (an early boot without entropy) the clock and the address of
    // this thread's state still keep threads and processes apart.
    if (getrandom(state_.data(), sizeof(state_), 0) != sizeof(state_)) {
      std::uint64_t seed =
          static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) ^
          reinterpret_cast<std::uintptr_t>(this);
      for (auto& word : state_)
        word = seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    }
  }

  std::uint64_t next() noexcept {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

 private:
  static std::uint64_t rotate(std::uint64_t value, unsigned bits) noexcept {
    return (value << bits) | (value >> (64U - bits));
  }

  std::array<std::uint64_t, 4> state_{};
};

Random& thread_random() noexcept {
  thread_local Random random;
  return random;
}

/// RFC 9562: the two highest bits of the second half are 10.
constexpr std::uint64_t with_variant(std::uint64_t second_half) noexcept {
  return (second_half >> 2U) | (std::uint64_t{1} << 63U);
}

/// From its halves as numbers. In words, so that nobody who reads it in words soon
/// waits for sixteen bytes to reach the cache.
Uuid uuid_of(std::array<std::uint64_t, 2> halves) noexcept {
  for (auto& half : halves)
    half = network_order(half);
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), halves.data(), sizeof(halves));
  return uuid;
}

using Halves [[gnu::vector_size(16)]] = std::uint64_t;

/// By way of a number, as GCC then takes it from the registers in which it came; from
/// memory, where it was put as two words, it would wait until both have reached the
/// cache.
Halves halves_of(Uuid uuid) noexcept {
  __extension__ using Number = unsigned __int128;
  const auto number = std::bit_cast<Number>(uuid);
  const auto low = static_cast<std::uint64_t>(number);
  const auto high = static_cast<std::uint64_t>(number >> 64U);
  return std::endian::native == std::endian::little ? Halves{low, high} : Halves{high, low};
}

}  // namespace

std::optional<Uuid> parse_uuid(std::string_view text) noexcept {
  if (text.size() != uuid_text_bytes) return std::nullopt;
  Uuid uuid;
  std::size_t at = 0;
  for (std::size_t byte = 0; byte < 16; ++byte) {
    if (dash_before(byte) && text[at++] != '-') return std::nullopt;
    const int high = hex_values[static_cast<unsigned char>(text[at])];
    const int low = hex_values[static_cast<unsigned char>(text[at + 1])];
    if (high < 0 || low < 0) return std::nullopt;
    uuid.bytes[byte] = static_cast<std::uint8_t>((high << 4) | low);
    at += 2;
  }
  return uuid;
}

void format_uuid(Uuid uuid, char* out) noexcept {
  // All 32 digits side by side, whatever the processor: compilers know vectors.
  using Bytes [[gnu::vector_size(16)]] = unsigned char;
  using Digits [[gnu::vector_size(16)]] = signed char;  // which SSE2 can compare
  using Fours [[gnu::vector_size(16)]] = std::uint32_t;
  const auto bytes = std::bit_cast<Bytes>(halves_of(uuid));
  const auto high = std::bit_cast<Digits>(bytes >> 4U);
  const auto low = std::bit_cast<Digits>(bytes & 15U);
  const auto text_of = [](Digits digits) -> Digits {
    return digits + '0' + ((digits > 9) & ('a' - '0' - 10));
  };
  const auto begin = text_of(
      __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  const auto end = text_of(__builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                                   13, 29, 14, 30, 15, 31));
  const auto put = [out](std::size_t at, auto digits) {
    std::memcpy(out + at, &digits, sizeof(digits));
  };
  put(0, std::bit_cast<Halves>(begin)[0]);
  put(9, std::bit_cast<Fours>(begin)[2]);
  put(14, std::bit_cast<Fours>(begin)[3]);
  put(19, std::bit_cast<Fours>(end)[0]);
  put(24, std::bit_cast<Fours>(end)[1]);
  put(28, std::bit_cast<Halves>(end)[1]);
  for (const std::size_t dash : {8U, 13U, 18U, 23U})
    out[dash] = '-';
}

std::string to_string(const Uuid& uuid) {
  std::string text(uuid_text_bytes, '\0');
  format_uuid(uuid, text.data());
  return text;
}

Uuid make_uuid_v4() noexcept {
  auto& random = thread_random();
  const auto first = random.next();
  return uuid_of({(first & ~std::uint64_t{0xF000}) | 0x4000U, with_variant(random.next())});
}

Uuid make_uuid_v7() noexcept {
  // The coarse clock is at most some milliseconds behind, and a fourth of the
  // price; RFC 9562, section 6.1, leaves the precision to us.
  timespec time{};
  clock_gettime(CLOCK_REALTIME_COARSE, &time);
  const auto milliseconds = static_cast<std::uint64_t>(time.tv_sec) * 1'000 +
                            static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000;
  auto& random = thread_random();
  const auto first = (milliseconds << 16U) | 0x7000U | (random.next() & 0x0FFFU);
  return uuid_of({first, with_variant(random.next())});
}

}  // namespace carillon::engine
