#include "tools/loadgen/target_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace carillon::loadgen {
namespace {

[[noreturn]] void refuse(std::string_view url, std::string_view why) {
  throw std::invalid_argument{fmt::format("'{}': {}", url, why)};
}

std::uint16_t parse_port(std::string_view url, std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0)
    refuse(url, fmt::format("the port must be a number from 1 to 65535, not '{}'", text));
  return port;
}

}  // namespace

TargetUrl parse_url(std::string_view url) {
  TargetUrl result;
  std::string_view rest = url;
  if (rest.starts_with("ws://")) {
    result.websocket = true;
    rest.remove_prefix(5);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://") || rest.starts_with("wss://")) {
    refuse(url, "TLS is not spoken here; measure the server without it");
  } else {
    refuse(url, "it must begin with http:// or ws://");
  }

  const auto authority_end = std::min(rest.find_first_of("/?"), rest.size());
  const auto authority = rest.substr(0, authority_end);
  result.authority = authority;
  std::string_view host = authority;
  // The colon of a port stands behind the bracket of an IPv6 address.
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  result.port = 80;
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    result.port = parse_port(url, authority.substr(colon + 1));
    host = authority.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) refuse(url, "the host is missing");
  result.host = host;

  auto target = std::string{rest.substr(authority_end)};
  if (!target.starts_with('/')) target.insert(0, "/");
  if (target.find_first_of(" #\r\n") != std::string::npos)
    refuse(url, "a space, a fragment or a line end has no place in it");
  try {
    result.target = TextTemplate{target};
  } catch (const std::invalid_argument& error) {
    refuse(url, error.what());
  }
  return result;
}

}  // namespace carillon::loadgen
