#include "tools/loadgen/stamp.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace carillon::loadgen {
namespace {

constexpr std::size_t digits = 8 + 8 + 16 + 16;

// The value of a hexadecimal digit; 16 for what is none.
constexpr auto hex_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(16);
  for (std::uint8_t digit = 0; digit < 16; ++digit)
    values[static_cast<std::uint8_t>("0123456789abcdef"[digit])] = digit;
  return values;
}();

bool read_hex(const char*& at, unsigned count, std::uint64_t& value) {
  value = 0;
  unsigned wrong = 0;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned digit = hex_values[static_cast<std::uint8_t>(*at++)];
    wrong |= digit;
    value = (value << 4) | (digit & 15);
  }
  return (wrong & 16) == 0;
}

void write_hex(std::string& out, unsigned count, std::uint64_t value) {
  for (unsigned shift = count * 4; shift > 0; shift -= 4)
    out.push_back("0123456789abcdef"[(value >> (shift - 4)) & 15]);
}

}  // namespace

// A tilde begins a stamp: hardly a text holds one, so most is passed over at the speed of
// memchr; and neither JSON nor a URL escapes it.
StampCodec::StampCodec(std::uint32_t run) : mark_{fmt::format("~l{:08x}-", run)} {
}

void StampCodec::write(const Stamp& stamp, std::string& out) const {
  out += mark_;
  write_hex(out, 8, stamp.user);
  write_hex(out, 8, stamp.stream);
  write_hex(out, 16, stamp.number);
  write_hex(out, 16, static_cast<std::uint64_t>(stamp.intended_ns));
}

std::optional<Stamp> StampCodec::next(std::string_view& text) const {
  while (true) {
    const void* found = std::memchr(text.data(), mark_.front(), text.size());
    if (found == nullptr) return std::nullopt;
    const char* at = static_cast<const char*>(found);
    const char* end = text.data() + text.size();
    if (static_cast<std::size_t>(end - at) < mark_.size() + digits) return std::nullopt;
    if (std::memcmp(at, mark_.data(), mark_.size()) != 0) {
      text = {at + 1, static_cast<std::size_t>(end - at - 1)};
      continue;
    }
    at += mark_.size();
    std::uint64_t user = 0;
    std::uint64_t stream = 0;
    std::uint64_t number = 0;
    std::uint64_t intended = 0;
    const bool whole = read_hex(at, 8, user) && read_hex(at, 8, stream) &&
                       read_hex(at, 16, number) && read_hex(at, 16, intended);
    text = {at, static_cast<std::size_t>(end - at)};
    if (whole)
      return Stamp{.user = static_cast<std::uint32_t>(user),
                   .stream = static_cast<std::uint32_t>(stream),
                   .number = number,
                   .intended_ns = static_cast<std::int64_t>(intended)};
  }
}

}  // namespace carillon::loadgen
