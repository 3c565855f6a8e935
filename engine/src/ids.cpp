#include "carillon/engine/ids.hpp"

#include <sys/random.h>
#include <time.h>

#include <chrono>
#include <cstring>

namespace carillon::engine {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

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

/// The two digits of every byte.
constexpr std::array<std::array<char, 2>, 256> make_hex_pairs() {
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte)
    pairs[byte] = {hex_digits[byte >> 4U], hex_digits[byte & 15U]};
  return pairs;
}
constexpr auto hex_pairs = make_hex_pairs();

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

void format_uuid(const Uuid& uuid, char* out) noexcept {
  const auto group = [&out, &uuid](std::size_t first, std::size_t end) {
    for (std::size_t byte = first; byte < end; ++byte, out += 2)
      std::memcpy(out, hex_pairs[uuid.bytes[byte]].data(), 2);
  };
  group(0, 4);
  for (const std::size_t first : {4U, 6U, 8U}) {
    *out++ = '-';
    group(first, first + 2);
  }
  *out++ = '-';
  group(10, 16);
}

std::string to_string(const Uuid& uuid) {
  std::string text(uuid_text_bytes, '\0');
  format_uuid(uuid, text.data());
  return text;
}

Uuid make_uuid_v4() noexcept {
  auto& random = thread_random();
  const std::array<std::uint64_t, 2> words{random.next(), random.next()};
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), words.data(), 16);
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0FU) | 0x40U);
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3FU) | 0x80U);
  return uuid;
}

Uuid make_uuid_v7() noexcept {
  Uuid uuid = make_uuid_v4();
  // The coarse clock is at most some milliseconds behind, and a fourth of the
  // price; RFC 9562, section 6.1, leaves the precision to us.
  timespec time{};
  clock_gettime(CLOCK_REALTIME_COARSE, &time);
  auto milliseconds = static_cast<std::uint64_t>(time.tv_sec) * 1'000 +
                      static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000;
  for (std::size_t byte = 6; byte-- > 0;) {
    uuid.bytes[byte] = static_cast<std::uint8_t>(milliseconds);
    milliseconds >>= 8U;
  }
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0FU) | 0x70U);
  return uuid;
}

}  // namespace carillon::engine
