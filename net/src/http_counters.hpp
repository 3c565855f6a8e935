#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carillon::net {

/// Why an HTTP connection ended.
enum class HttpEnd : std::uint8_t {
  peer,               ///< the client closed or reset it
  last_response,      ///< its last request was answered
  idle,               ///< keep-alive without a request
  request_timeout,    ///< half a request
  handshake_timeout,  ///< nothing at all after it was accepted
  write_timeout,      ///< the client reads nothing
  upgraded,           ///< it became a stream
  drained,            ///< the server stops
};
inline constexpr std::array<std::string_view, 8> http_end_names{
    "peer",          "last_response", "idle",   "request_timeout", "handshake_timeout",
    "write_timeout", "upgraded",      "drained"};

/// Counted by one shard, on its thread. Read there too: /metrics visits each shard.
struct HttpCounters {
  std::uint64_t connections_accepted_total = 0;
  std::uint64_t connections = 0;
  std::array<std::uint64_t, http_end_names.size()> closed_total{};
  std::array<std::uint64_t, 6> responses_total{};  ///< by status class, 2 is 2xx
  std::uint64_t received_bytes_total = 0;
  std::uint64_t sent_bytes_total = 0;

  HttpCounters& operator+=(const HttpCounters& other) noexcept {
    connections_accepted_total += other.connections_accepted_total;
    connections += other.connections;
    for (std::size_t i = 0; i < closed_total.size(); ++i)
      closed_total[i] += other.closed_total[i];
    for (std::size_t i = 0; i < responses_total.size(); ++i)
      responses_total[i] += other.responses_total[i];
    received_bytes_total += other.received_bytes_total;
    sent_bytes_total += other.sent_bytes_total;
    return *this;
  }
};

}  // namespace carillon::net
