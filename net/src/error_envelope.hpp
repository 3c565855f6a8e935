#pragma once

#include "carillon/engine/event_builder.hpp"
#include "carillon/engine/event_parser.hpp"
#include "carillon/engine/result.hpp"
#include "net/src/response.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::net {

/// Every stable code of an error answer; README.md says when each is given.
namespace code {
inline constexpr std::string_view malformed_request = "malformed_request";
inline constexpr std::string_view malformed_json = "malformed_json";
inline constexpr std::string_view invalid_event = "invalid_event";
inline constexpr std::string_view invalid_query = "invalid_query";
inline constexpr std::string_view invalid_body = "invalid_body";
inline constexpr std::string_view invalid_cursor = "invalid_cursor";
inline constexpr std::string_view stale_cursor = "stale_cursor";
inline constexpr std::string_view history_gone = "history_gone";
inline constexpr std::string_view not_supported = "not_supported";
inline constexpr std::string_view unknown_type = "unknown_type";
inline constexpr std::string_view forbidden = "forbidden";
inline constexpr std::string_view not_found = "not_found";
inline constexpr std::string_view method_not_allowed = "method_not_allowed";
inline constexpr std::string_view not_acceptable = "not_acceptable";
inline constexpr std::string_view request_timeout = "request_timeout";
inline constexpr std::string_view backup_running = "backup_running";
inline constexpr std::string_view body_too_large = "body_too_large";
inline constexpr std::string_view unsupported_media_type = "unsupported_media_type";
inline constexpr std::string_view header_too_large = "header_too_large";
inline constexpr std::string_view rate_limited = "rate_limited";
inline constexpr std::string_view too_many_connections = "too_many_connections";
inline constexpr std::string_view too_many_sessions = "too_many_sessions";
inline constexpr std::string_view overloaded = "overloaded";
inline constexpr std::string_view draining = "draining";
inline constexpr std::string_view unavailable = "unavailable";
inline constexpr std::string_view store_damaged = "store_damaged";
}  // namespace code

/// What is wrong with a query or a body: all faults at once, and under which code.
struct Faults {
  std::vector<engine::Fault> details;
  std::string_view code;

  void add(std::string_view field, std::string error) {
    details.push_back({std::string{field}, std::move(error)});
  }
  [[nodiscard]] bool any() const noexcept { return !details.empty(); }
};

/// The one form of every answer that is not 2xx. `message` and `details` are
/// UTF-8. Overload answers (429, 503) get a Retry-After; what is full or draining
/// now is expected to have room again soon. None with 0: a retry will not help.
[[nodiscard]] Response error_response(unsigned status,
                                      std::string_view code,
                                      std::string_view message,
                                      const std::vector<engine::Fault>& details = {},
                                      std::chrono::seconds retry_after = std::chrono::seconds{1});

/// 400 that names every fault.
[[nodiscard]] Response faults_response(const Faults& faults);

/// Of a text that is no event.
[[nodiscard]] Response parse_fault_response(const engine::ParseResult& parsed);

/// Of a publish or a change that the store did not keep.
[[nodiscard]] Response not_durable_response();

/// What a store's refusal means to the client.
[[nodiscard]] Response store_error_response(const engine::Error& error);

}  // namespace carillon::net
