#pragma once

#include <string_view>

namespace carillon::net {

/// Whether an Accept header (empty: absent) allows `type`, such as
/// "application/json". The most specific range decides; q=0 excludes.
[[nodiscard]] bool accepts(std::string_view accept, std::string_view type) noexcept;

/// Whether an Accept header names `type` itself, not only by a wildcard.
[[nodiscard]] bool accepts_explicitly(std::string_view accept, std::string_view type) noexcept;

/// Whether a Content-Type is application/json, parameters aside.
[[nodiscard]] bool is_json(std::string_view content_type) noexcept;
/// Whether it is application/x-ndjson.
[[nodiscard]] bool is_ndjson(std::string_view content_type) noexcept;

}  // namespace carillon::net
