#include "net/src/refused_connections.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace carillon::net {

void RefusedConnections::refuse(tcp::socket socket, std::string_view answer, std::uint64_t tick) {
  error_code ec;
  socket.non_blocking(true, ec);
  if (!ec) socket.write_some(asio::buffer(answer.data(), answer.size()), ec);
  if (!ec) socket.shutdown(tcp::socket::shutdown_send, ec);
  if (ec) return;
  std::erase_if(lingering_, [](const auto& refused) { return !refused->socket.is_open(); });
  if (lingering_.size() >= lingering_max) return;
  lingering_.push_back(std::make_shared<Refused>(std::move(socket), tick));
  lingering_.back()->discard();
}

void RefusedConnections::sweep(std::uint64_t now, std::uint64_t ticks) {
  for (const auto& refused : lingering_)
    if (now - refused->since > ticks) refused->close();
  std::erase_if(lingering_, [](const auto& refused) { return !refused->socket.is_open(); });
}

void RefusedConnections::close_all() {
  for (const auto& refused : lingering_)
    refused->close();
  lingering_.clear();
}

void RefusedConnections::Refused::close() {
  error_code ignored;
  socket.close(ignored);
}

void RefusedConnections::Refused::discard() {
  socket.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code ec) {
    constexpr std::size_t discarded_bytes_max = std::size_t{64} * 1024;
    std::array<char, 4'096> scratch;  // NOLINT(cppcoreguidelines-init-variables): filled by read
    if (!ec) self->discarded_bytes += self->socket.read_some(asio::buffer(scratch), ec);
    if (ec == asio::error::would_block) ec = {};
    if (ec || self->discarded_bytes > discarded_bytes_max) return self->close();
    self->discard();
  });
}

}  // namespace carillon::net
