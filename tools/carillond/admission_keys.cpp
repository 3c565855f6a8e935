#include "tools/carillond/admission_keys.hpp"

#include <array>

namespace carillon::carillond {
namespace {

constexpr std::uint64_t hour_ms = std::uint64_t{3'600} * 1'000;
constexpr std::uint64_t socket_bytes_max = std::uint64_t{64} << 20U;
constexpr std::uint64_t rate_max = 250'000;  // the ticks of net's buckets

// A table, so it may be longer than a function should be.
constexpr std::array keys{
    Key{.name = "max_connections",
        .field = [](Config& config) -> Field { return &config.network.limits.connections_max; },
        .help = "open connections, streams included; beyond it they are answered 503. 0: as "
                "many as the descriptor limit leaves",
        .type_name = "N",
        .max = 10'000'000,
        .live = true},
    Key{.name = "max_connections_per_address",
        .field = [](Config& config) -> Field {
          return &config.network.limits.connections_per_address_max;
        },
        .help = "open connections of one client address (IPv4 address, IPv6 /64); beyond it "
                "they are answered 429. 0: no limit",
        .type_name = "N",
        .max = 10'000'000,
        .live = true},
    Key{.name = "limit_loopback",
        .field = [](Config& config) -> Field { return &config.network.limits.loopback_limited; },
        .help = "count the loopback's addresses too; they are exempt, because a proxy on this "
                "machine is all clients at once",
        .type_name = "",
        .live = true},
    Key{.name = "max_sessions_per_user",
        .field = [](Config& config) -> Field {
          return &config.network.limits.sessions_per_user_max;
        },
        .help = "streams of one user; beyond it subscribing is answered 429. 0: no limit",
        .type_name = "N",
        .max = 10'000'000,
        .live = true},
    Key{.name = "max_receiving_bytes",
        .field = [](Config& config) -> Field { return &config.network.limits.receiving_bytes_max; },
        .help = "requests and WebSocket messages that have begun and are not whole, of all "
                "connections together; beyond it the one that grows is answered 503 and closed, "
                "unless it holds 4 KiB at most. 0: no limit",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .max = std::uint64_t{1'024} << 30U,
        .live = true},
    Key{.name = "accept_rate",
        .field = [](Config& config) -> Field { return &config.network.limits.accept_rate; },
        .help = "connections accepted a second; the others wait in the kernel's backlog. 0: no "
                "limit",
        .type_name = "N",
        .max = rate_max,
        .live = true},
    Key{.name = "accept_burst",
        .field = [](Config& config) -> Field { return &config.network.limits.accept_burst; },
        .help = "connections accepted at once after a pause",
        .type_name = "N",
        .min = 1,
        .max = 1'000'000'000,
        .live = true},
    Key{.name = "publish_rate",
        .field = [](Config& config) -> Field { return &config.network.limits.publish_rate; },
        .help = "events that a user may publish a second; beyond it publishing is answered 429. "
                "0: no limit",
        .type_name = "N",
        .max = rate_max,
        .live = true},
    Key{.name = "publish_burst",
        .field = [](Config& config) -> Field { return &config.network.limits.publish_burst; },
        .help = "events that a user may publish at once after a pause",
        .type_name = "N",
        .min = 1,
        .max = 1'000'000'000,
        .live = true},
    Key{.name = "service_publish_rate",
        .field = [](Config& config) -> Field {
          return &config.network.limits.service_publish_rate;
        },
        .help = "as publish_rate, for callers with service rights (with auth = \"none\": all). "
                "0: no limit",
        .type_name = "N",
        .max = rate_max,
        .live = true},
    Key{.name = "service_publish_burst",
        .field = [](Config& config) -> Field {
          return &config.network.limits.service_publish_burst;
        },
        .help = "as publish_burst, for callers with service rights",
        .type_name = "N",
        .min = 1,
        .max = 1'000'000'000,
        .live = true},
    Key{.name = "handshake_timeout",
        .field = [](Config& config) -> Field { return &config.network.handshake_timeout; },
        .help = "from the accept to the end of the first request's header",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "reuse_address",
        .field = [](Config& config) -> Field { return &config.network.sockets.reuse_address; },
        .help = "SO_REUSEADDR: listen again at once after a restart",
        .type_name = ""},
    Key{.name = "listen_backlog",
        .field = [](Config& config) -> Field { return &config.network.sockets.listen_backlog; },
        .help = "connections that wait to be accepted; the kernel's net.core.somaxconn bounds "
                "it",
        .type_name = "N",
        .min = 1,
        .max = 1'000'000},
    Key{.name = "tcp_no_delay",
        .field = [](Config& config) -> Field { return &config.network.sockets.no_delay; },
        .help = "TCP_NODELAY: send the last packet of a write at once",
        .type_name = ""},
    Key{.name = "tcp_keepalive_idle",
        .field = [](Config& config) -> Field { return &config.network.sockets.tcp_keepalive_idle; },
        .help = "TCP_KEEPIDLE: silence before the kernel asks whether the peer is there. 0s: "
                "never",
        .type_name = "TIME",
        .max = hour_ms},
    Key{.name = "tcp_keepalive_interval",
        .field = [](Config& config) -> Field {
          return &config.network.sockets.tcp_keepalive_interval;
        },
        .help = "TCP_KEEPINTVL: between two such questions",
        .type_name = "TIME",
        .min = 1'000,
        .max = hour_ms},
    Key{.name = "tcp_keepalive_probes",
        .field = [](Config& config) -> Field {
          return &config.network.sockets.tcp_keepalive_probes;
        },
        .help = "TCP_KEEPCNT: unanswered questions that end a connection",
        .type_name = "N",
        .min = 1,
        .max = 127},
    Key{.name = "tcp_user_timeout",
        .field = [](Config& config) -> Field { return &config.network.sockets.tcp_user_timeout; },
        .help = "TCP_USER_TIMEOUT: for how long sent bytes may be unacknowledged. 0s: the "
                "kernel's, some 15 minutes",
        .type_name = "TIME",
        .max = hour_ms},
    Key{.name = "socket_send_bytes",
        .field = [](Config& config) -> Field { return &config.network.sockets.send_buffer_bytes; },
        .help = "SO_SNDBUF; 0: the kernel sizes it as the connection needs",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .max = socket_bytes_max},
    Key{.name = "socket_receive_bytes",
        .field = [](Config& config) -> Field {
          return &config.network.sockets.receive_buffer_bytes;
        },
        .help = "SO_RCVBUF; 0: the kernel sizes it as the connection needs",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .max = socket_bytes_max},
};

}  // namespace

std::span<const Key> admission_keys() {
  return keys;
}

}  // namespace carillon::carillond
