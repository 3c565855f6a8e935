#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carillon::net {

/// Why a session ended; one counter each.
enum class CloseReason : std::uint8_t {
  client,         ///< the client closed it as the protocol says
  vanished,       ///< the connection broke, or ended without a goodbye
  too_slow,       ///< its backlog would have exceeded the bound
  write_timeout,  ///< it took nothing for a whole write timeout
  ping_timeout,   ///< it answered no ping
  protocol,       ///< it broke the WebSocket protocol
  not_utf8,       ///< a text message was not UTF-8
  too_big,        ///< a message was over the limit
  policy,         ///< it sent what this stream does not take
  overloaded,     ///< half a message, for which the server had no room
  draining,       ///< the server said goodbye
  stopped,        ///< the broadcaster or the hub ended
};
inline constexpr std::size_t close_reason_count = 12;

/// The word for a metric's label: "client" … "stopped".
[[nodiscard]] constexpr std::string_view to_string(CloseReason reason) noexcept {
  constexpr std::array<std::string_view, close_reason_count> names{
      "client",   "vanished", "too_slow", "write_timeout", "ping_timeout", "protocol",
      "not_utf8", "too_big",  "policy",   "overloaded",    "draining",     "stopped"};
  return names[static_cast<std::size_t>(reason)];
}

/// What the streams of one shard did and hold.
struct StreamCounters {
  std::uint64_t sessions = 0;
  std::uint64_t opened_total = 0;
  std::uint64_t frames_total = 0;   ///< event frames queued, one per session and event
  std::uint64_t bytes_total = 0;    ///< written to sockets
  std::uint64_t backlog_bytes = 0;  ///< queued and not yet written
  std::array<std::uint64_t, close_reason_count> closed_total{};  ///< by CloseReason
};

/// One figure that one thread writes and any thread reads.
class Counter {
 public:
  void add(std::uint64_t amount) noexcept { store(value() + amount); }
  void subtract(std::uint64_t amount) noexcept { store(value() - amount); }
  [[nodiscard]] std::uint64_t value() const noexcept {
    // C1 relaxed: a figure for metrics; it publishes nothing.
    return value_.load(std::memory_order_relaxed);
  }

 private:
  void store(std::uint64_t value) noexcept {
    // C2 relaxed: as C1. One writer, so that a read-modify-write is not needed.
    value_.store(value, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> value_{0};
};

}  // namespace carillon::net
