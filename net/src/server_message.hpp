#pragma once

#include "carillon/engine/event_builder.hpp"
#include "carillon/engine/ids.hpp"

#include <chrono>
#include <span>
#include <string>
#include <string_view>

namespace carillon::net {

// What a stream says itself: the members of each message without braces, which
// `carillon.v1` sends with a `type` and SSE as the data of a named event. A `ref`
// is JSON, as the client gave it.

[[nodiscard]] std::string welcome_members(std::string_view cursor,
                                          const engine::Uuid& session,
                                          std::uint64_t epoch);
[[nodiscard]] std::string goodbye_members(std::string_view reason,
                                          std::string_view cursor,
                                          std::chrono::milliseconds retry_after);
[[nodiscard]] std::string reset_members(std::string_view reason, std::string_view cursor);
[[nodiscard]] std::string pong_members(std::string_view ref);
[[nodiscard]] std::string ack_members(std::string_view ref,
                                      const engine::EventId& id,
                                      engine::Sequence sequence);
/// Of a new filter: the events behind this cursor have passed it.
[[nodiscard]] std::string filter_ack_members(std::string_view ref, std::string_view cursor);

/// Why a client's message had no effect. The codes are those of the error
/// envelope over HTTP.
struct MessageError {
  std::string_view code;
  std::string_view error;  ///< one sentence
  std::span<const engine::Fault> details = {};
  std::chrono::milliseconds retry_after{0};  ///< 0: trying again does not help
};
[[nodiscard]] std::string error_members(std::string_view ref, const MessageError& error);

/// `{"type":"<type>",<members>}` as a WebSocket text frame.
[[nodiscard]] std::string message_frame(std::string_view type, std::string_view members);
/// `event: <name>`, `data: {<members>}`.
[[nodiscard]] std::string named_event(std::string_view name, std::string_view members);

}  // namespace carillon::net
