#pragma once

#include "tools/loadgen/text_template.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::loadgen {

/// Where to, and how: `http://` is a POST or an SSE stream, `ws://` a WebSocket.
/// What follows the authority may hold placeholders.
struct TargetUrl {
  bool websocket = false;
  std::string host;
  std::uint16_t port = 0;
  std::string authority;  ///< as it stands in the URL, for the Host header
  TextTemplate target{"/"};
};

/// Throws std::invalid_argument that quotes the URL and says what is wrong with it.
[[nodiscard]] TargetUrl parse_url(std::string_view url);

}  // namespace carillon::loadgen
