#include "tools/loadgen/wire.hpp"

#include <boost/beast/core/detail/base64.hpp>
#include <boost/beast/websocket/detail/hybi13.hpp>

#include <array>
#include <random>
#include <stdexcept>

namespace carillon::loadgen {
namespace {

constexpr std::uint64_t frame_bytes_max = std::uint64_t{64} << 20;

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes)
    value = (value << 8) | static_cast<std::uint8_t>(byte);
  return value;
}

void append_big_endian(std::string& out, unsigned bytes, std::uint64_t value) {
  for (unsigned shift = bytes * 8; shift > 0; shift -= 8)
    out.push_back(static_cast<char>((value >> (shift - 8)) & 0xFF));
}

}  // namespace

std::optional<Frame> next_frame(std::string_view& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  const auto second = static_cast<std::uint8_t>(bytes[1]);
  if ((second & 0x80) != 0) throw std::runtime_error{"the server sent a masked frame"};
  if ((first & 0x70) != 0) throw std::runtime_error{"the server sent a frame of an extension"};
  std::uint64_t length = second & 0x7F;
  std::size_t head = 2;
  if (length >= 126) {
    const std::size_t length_bytes = length == 126 ? 2 : 8;
    head += length_bytes;
    if (bytes.size() < head) return std::nullopt;
    length = read_big_endian(bytes.substr(2, length_bytes));
  }
  if (length > frame_bytes_max) throw std::runtime_error{"the server sent a frame over 64 MiB"};
  if (bytes.size() - head < length) return std::nullopt;
  const Frame frame{.opcode = static_cast<Opcode>(first & 0x0F),
                    .last = (first & 0x80) != 0,
                    .payload = bytes.substr(head, length)};
  bytes.remove_prefix(head + length);
  return frame;
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload) {
  out.push_back(static_cast<char>(0x80 | static_cast<std::uint8_t>(opcode)));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() <= 0xFFFF) {
    out.push_back(static_cast<char>(0x80 | 126));
    append_big_endian(out, 2, payload.size());
  } else {
    out.push_back(static_cast<char>(0x80 | 127));
    append_big_endian(out, 8, payload.size());
  }
  out.append(4, '\0');
  out += payload;
}

// Beast's own keys repeat: in Boost 1.81 its generator gives each block of four 16 times.
std::string make_websocket_key() {
  namespace base64 = boost::beast::detail::base64;
  std::random_device random;
  std::array<std::uint32_t, 4> nonce{};
  for (auto& word : nonce)
    word = random();
  std::string key(base64::encoded_size(sizeof nonce), '\0');
  key.resize(base64::encode(key.data(), nonce.data(), sizeof nonce));
  return key;
}

std::string accept_of(std::string_view key) {
  boost::beast::websocket::detail::sec_ws_accept_type accept;
  boost::beast::websocket::detail::make_sec_ws_accept(accept, {key.data(), key.size()});
  return {accept.data(), accept.size()};
}

std::optional<std::string_view> next_block(std::string_view& bytes) {
  // An empty line is two line ends in a row, of either kind.
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    std::size_t end = at + 1;
    if (end < bytes.size() && bytes[end] == '\r') ++end;
    if (end >= bytes.size() || bytes[end] != '\n') continue;
    const auto block = bytes.substr(0, at);
    bytes.remove_prefix(end + 1);
    return block;
  }
  return std::nullopt;
}

}  // namespace carillon::loadgen
