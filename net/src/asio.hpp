#pragma once

// The one place that names Asio and Beast for this component.
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace carillon::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

/// Asio's TCP, with sockets that know their io_context by a pointer. Asio's own hold an
/// executor of any type: 48 bytes more in each socket, about 100 in each pending wait,
/// and indirect calls to run what was waited for.
struct tcp : asio::ip::tcp {
  using socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
  using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;
};

}  // namespace carillon::net
