#include "net/src/control_frame.hpp"

#include "net/src/assert.hpp"

#include <cstddef>

namespace carillon::net {
namespace {

constexpr std::size_t control_payload_bytes_max = 125;
constexpr unsigned final_close = 0x88;
constexpr unsigned final_pong = 0x8A;

std::string control_frame(unsigned first_byte, std::string_view payload) {
  CARILLON_ASSERT(payload.size() <= control_payload_bytes_max,
                  "a control frame has one byte of length");
  std::string frame;
  frame.reserve(2 + payload.size());
  frame.push_back(static_cast<char>(first_byte));
  frame.push_back(static_cast<char>(payload.size()));
  return frame.append(payload);
}

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

}  // namespace

bool is_close_code(std::uint16_t code) noexcept {
  // 1004 to 1006 and 1015 never go over the wire; 1016 to 2999 are the protocol's own.
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

std::string close_frame(CloseCode code, std::string_view reason) {
  if (code == CloseCode::none) return control_frame(final_close, {});
  std::size_t bytes = reason.size();
  if (bytes > control_payload_bytes_max - 2) {
    bytes = control_payload_bytes_max - 2;
    while (bytes > 0 && is_continuation(reason[bytes]))
      --bytes;
  }
  const auto number = static_cast<unsigned>(code);
  std::string payload{static_cast<char>(number >> 8U), static_cast<char>(number & 0xFFU)};
  return control_frame(final_close, payload.append(reason.substr(0, bytes)));
}

std::string pong_frame(std::string_view payload) {
  return control_frame(final_pong, payload);
}

}  // namespace carillon::net
