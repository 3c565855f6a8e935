#pragma once

#include <chrono>
#include <cstdint>

namespace carillon::net {

/// How the kernel treats the server's sockets. Set once, on the listening socket:
/// Linux gives them to each connection that it accepts, so they cost no system
/// call per connection.
struct SocketOptions {
  /// SO_REUSEADDR. A restart listens at once, although connections of the last
  /// life are in TIME_WAIT. (Not SO_REUSEPORT: two servers on a port are a mistake.)
  bool reuse_address = true;
  /// Connections that wait to be accepted, bounded by net.core.somaxconn (4,096 by
  /// default): as many as reconnect at once after a restart.
  std::uint32_t listen_backlog = 4'096;
  /// TCP_NODELAY. Each turn's frames leave in one write already, and Nagle's delay
  /// would only hold the last packet of one back.
  bool no_delay = true;

  /// SO_KEEPALIVE, TCP_KEEPIDLE; 0: off. Finds peers that vanished without a word
  /// and keeps a NAT's entry alive, also where nothing is sent (an idle keep-alive
  /// connection, a session that is closing).
  std::chrono::milliseconds tcp_keepalive_idle{60'000};
  std::chrono::milliseconds tcp_keepalive_interval{15'000};  ///< TCP_KEEPINTVL
  std::uint32_t tcp_keepalive_probes = 4;                    ///< TCP_KEEPCNT
  /// TCP_USER_TIMEOUT; 0: the kernel's, about 15 minutes. For how long sent bytes
  /// may be unacknowledged: frames to a vanished subscriber fit into the kernel's
  /// buffer, so write_timeout does not see them.
  std::chrono::milliseconds tcp_user_timeout{60'000};

  /// SO_SNDBUF, SO_RCVBUF in bytes; 0: the kernel sizes them as the connection needs
  /// (tcp_wmem, tcp_rmem), which a fixed size ends. Small ones bound the kernel's memory
  /// of many slow readers, and cost throughput on long paths.
  std::uint32_t send_buffer_bytes = 0;
  std::uint32_t receive_buffer_bytes = 0;
};

}  // namespace carillon::net
