#include "net/src/listener.hpp"

#include "net/src/http_shard.hpp"
#include "net/src/set_socket_options.hpp"

#include <string>
#include <utility>

namespace carillon::net {
namespace {

std::string without_brackets(const std::string& host) {
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host;
}

/// The first address of the host. Names are looked up: this runs at start only.
tcp::endpoint resolve(asio::io_context& context,
                      const std::string& host,
                      std::uint16_t port,
                      error_code& ec) {
  const auto address = asio::ip::make_address(host, ec);
  if (!ec) return {address, port};
  tcp::resolver resolver{context};
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, ec);
  return ec ? tcp::endpoint{} : found.begin()->endpoint();
}

}  // namespace

Listener::Listener(NetContext& net)
    : net_{net},
      acceptor_{net.threads->context(0)},
      timer_{net.threads->context(0)},
      exhaustion_{net} {
}

engine::Result<std::uint16_t> Listener::open(const std::string& host, std::uint16_t port) {
  error_code ec;
  const auto endpoint = resolve(net_.threads->context(0), without_brackets(host), port, ec);
  if (!ec) acceptor_.open(endpoint.protocol(), ec);
  const auto& sockets = net_.options.sockets;
  if (!ec) set_socket_options(acceptor_, sockets, ec);
  if (!ec) acceptor_.bind(endpoint, ec);
  if (!ec) acceptor_.listen(static_cast<int>(sockets.listen_backlog), ec);
  if (ec)
    return engine::Error{engine::Errc::io, "can't listen on " + host + ":" + std::to_string(port) +
                                               ": " + ec.message()};
  return acceptor_.local_endpoint(ec).port();
}

void Listener::accept() {
  if (!net_.admission->limits_accepting()) return accept_waiting();
  // A token is for a connection that is there: listeners that wait for one must not
  // keep it from each other.
  acceptor_.async_wait(tcp::acceptor::wait_read, [self = shared_from_this()](error_code ec) {
    if (ec || !self->acceptor_.is_open()) return;
    const auto pause = self->net_.admission->accept_pause();
    if (pause.count() != 0) return self->wait_and_accept(pause);
    self->accept_waiting();
  });
}

void Listener::accept_waiting() {
  const auto shard = next_shard_;
  next_shard_ = (next_shard_ + 1) % static_cast<engine::ShardIndex>(net_.shards.size());
  acceptor_.async_accept(net_.threads->context(shard),
                         [self = shared_from_this(), shard](error_code ec, tcp::socket socket) {
                           self->on_accepted(ec, shard, std::move(socket));
                         });
}

void Listener::on_accepted(error_code ec, engine::ShardIndex shard, tcp::socket socket) {
  if (!acceptor_.is_open()) return;
  if (!ec) {
    asio::post(net_.threads->context(shard),
               [http = net_.shards[shard].get(), socket = std::move(socket)]() mutable {
                 http->adopt(std::move(socket));
               });
  } else if (ec != asio::error::connection_aborted) {
    // No descriptors or no memory, most likely: accepting again at once would
    // fail again at once.
    constexpr std::chrono::milliseconds pause{100};
    exhaustion_.on_failed_accept(ec, acceptor_.native_handle());
    return wait_and_accept(pause);
  }
  accept();
}

void Listener::wait_and_accept(std::chrono::microseconds pause) {
  timer_.expires_after(pause);
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (!ec && self->acceptor_.is_open()) self->accept();
  });
}

void Listener::close() {
  error_code ignored;
  acceptor_.close(ignored);
  timer_.cancel();
}

}  // namespace carillon::net
