#pragma once

#include "carillon/net/socket_options.hpp"
#include "net/src/asio.hpp"

namespace carillon::net {

/// On an open acceptor, before it is bound: the receive buffer's size decides about
/// the window that a connection offers.
void set_socket_options(tcp::acceptor& acceptor, const SocketOptions& options, error_code& ec);

}  // namespace carillon::net
