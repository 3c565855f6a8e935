#pragma once

#include <cstddef>
#include <cstdint>

namespace carillon::net {

/// Who gets in, how many, and how fast. All of it can change while the server
/// runs (Server::set_limits); 0 is "no limit" throughout.
struct AdmissionLimits {
  /// Open connections, streams included. The owner of the process sets it below
  /// its descriptor limit, because a store needs descriptors too.
  std::uint64_t connections_max = 0;
  /// Open connections of one client address (IPv4 /32, IPv6 /64: one customer's
  /// network). One address can't take a usual limit of 20,000 descriptors alone;
  /// a proxy in front, from one address, needs more.
  std::uint64_t connections_per_address_max = 4'096;
  /// Count the loopback's addresses too. Off: what comes from there is a proxy on
  /// this machine, behind which all clients look alike.
  bool loopback_limited = false;
  /// Streams of one user. No limit: with auth = "none" all callers may be one user.
  std::uint64_t sessions_per_user_max = 0;
  /// Bytes of requests and WebSocket messages that have begun and are not whole, of all
  /// connections together. Each has its own bound (ServerOptions::body_bytes_max), but
  /// thousands of them would be tens of GB. What one holds up to 4 KiB is counted and
  /// not refused.
  std::uint64_t receiving_bytes_max = std::uint64_t{256} << 20U;

  /// Connections per second that are accepted, and how many at once after a
  /// pause. What comes faster waits in the kernel's backlog: everybody who
  /// reconnects after a restart is served in time, and nobody is sent away.
  std::uint64_t accept_rate = 0;
  std::uint64_t accept_burst = 1'000;

  /// Events per second that one user publishes, and how many at once after a
  /// pause: far above what people and their tools do, far below what hurts.
  std::uint64_t publish_rate = 1'000;
  std::uint64_t publish_burst = 10'000;  ///< a whole batch of batch_events_max
  /// The same for callers with service rights (all, with auth = "none"): back ends
  /// that relay everybody's events, bounded by the write-behind queue already.
  std::uint64_t service_publish_rate = 0;
  std::uint64_t service_publish_burst = 10'000;
};

}  // namespace carillon::net
