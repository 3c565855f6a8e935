#include "net/src/set_socket_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>

namespace carillon::net {
namespace {

template <int name>
using TcpOption = asio::detail::socket_option::integer<IPPROTO_TCP, name>;

int seconds(std::chrono::milliseconds time) {
  return std::max(1, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count()));
}

}  // namespace

void set_socket_options(tcp::acceptor& acceptor, const SocketOptions& options, error_code& ec) {
  const auto set = [&](const auto& option) {
    if (!ec) acceptor.set_option(option, ec);
  };
  set(tcp::acceptor::reuse_address{options.reuse_address});
  set(tcp::no_delay{options.no_delay});
  if (options.tcp_keepalive_idle.count() != 0) {
    set(asio::socket_base::keep_alive{true});
    set(TcpOption<TCP_KEEPIDLE>{seconds(options.tcp_keepalive_idle)});
    set(TcpOption<TCP_KEEPINTVL>{seconds(options.tcp_keepalive_interval)});
    set(TcpOption<TCP_KEEPCNT>{static_cast<int>(options.tcp_keepalive_probes)});
  }
  if (options.tcp_user_timeout.count() != 0)
    set(TcpOption<TCP_USER_TIMEOUT>{static_cast<int>(options.tcp_user_timeout.count())});
  if (options.send_buffer_bytes != 0)
    set(asio::socket_base::send_buffer_size{static_cast<int>(options.send_buffer_bytes)});
  if (options.receive_buffer_bytes != 0)
    set(asio::socket_base::receive_buffer_size{static_cast<int>(options.receive_buffer_bytes)});
}

}  // namespace carillon::net
