#pragma once

#include "net/src/asio.hpp"
#include "net/src/response.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon::net {

/// Our one subprotocol.
inline constexpr std::string_view carillon_v1 = "carillon.v1";

/// RFC 6455, section 4.2.1: empty if the request may be upgraded, else the answer
/// that refuses it.
[[nodiscard]] std::optional<Response> refuse_upgrade(
    const http::request<http::string_body>& request);

/// Beast's 101 for a request that is not refused. Its stream asks for an executor,
/// and starts nothing on it.
[[nodiscard]] std::string accept_upgrade(const http::request<http::string_body>& request,
                                         std::string_view server_name,
                                         bool v1,
                                         const tcp::socket::executor_type& executor);

/// Whether the client offered `carillon.v1`.
[[nodiscard]] bool offers_carillon_v1(const http::request<http::string_body>& request);

}  // namespace carillon::net
