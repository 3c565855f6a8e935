#pragma once

#include "net/src/admission.hpp"
#include "net/src/response.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace carillon::net {

// What a client is told that met a limit.

/// A whole response for a connection that is refused before its request is read.
[[nodiscard]] std::string refusal_bytes(Rejection rejection, std::string_view common_headers);

/// 429, and the connection goes on.
[[nodiscard]] Response too_many_sessions_response(const Admission& admission);
[[nodiscard]] Response rate_limited_response(const Admission& admission,
                                             bool service,
                                             std::chrono::microseconds wait);
/// 503: the rest of a request will not be waited for.
[[nodiscard]] Response receiving_full_response();
/// One sentence: how much a caller may publish.
[[nodiscard]] std::string rate_limit_text(const Admission& admission, bool service);

}  // namespace carillon::net
