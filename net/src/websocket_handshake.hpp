#pragma once

#include "net/src/asio.hpp"
#include "net/src/response.hpp"

#include <optional>
#include <string_view>

namespace carillon::net {

/// Our one subprotocol.
inline constexpr std::string_view carillon_v1 = "carillon.v1";

/// RFC 6455, section 4.2.1: empty if the request may be upgraded, else the answer
/// that refuses it.
[[nodiscard]] std::optional<Response> refuse_upgrade(
    const http::request<http::string_body>& request);

/// Whether the client offered `carillon.v1`.
[[nodiscard]] bool offers_carillon_v1(const http::request<http::string_body>& request);

}  // namespace carillon::net
