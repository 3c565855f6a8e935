#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::net {

/// The codes that this server closes WebSockets with (RFC 6455, section 7.4.1, and
/// IANA's registry).
enum class CloseCode : std::uint16_t {
  none = 0,  ///< a close frame without a code
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  bad_payload = 1007,
  policy_error = 1008,
  too_big = 1009,
  try_again_later = 1013,
};

/// Whether a client may send it.
[[nodiscard]] bool is_close_code(std::uint16_t code) noexcept;

/// A close frame; `reason` is cut to the 123 bytes that fit, at a character.
[[nodiscard]] std::string close_frame(CloseCode code, std::string_view reason);
/// The answer to a ping, whose payload has at most 125 bytes.
[[nodiscard]] std::string pong_frame(std::string_view payload);

}  // namespace carillon::net
