#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::carillond {

/// Where the server listens: an IP address, or `localhost`, and a port.
struct ListenAddress {
  std::string host = "127.0.0.1";  ///< without the brackets of an IPv6 address
  std::uint16_t port = 9081;       ///< 0: the system picks a free one

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

/// Reads `127.0.0.1:9081`, `[::1]:9081`, `localhost:0`. A host must be an address
/// (a name can stand for several); nullopt for anything else.
[[nodiscard]] std::optional<ListenAddress> parse_listen_address(std::string_view text);

/// The same notation, as it stands in a URL.
[[nodiscard]] std::string to_string(const ListenAddress& address);

/// Only this machine can reach it.
[[nodiscard]] bool is_loopback(const ListenAddress& address);

}  // namespace carillon::carillond
