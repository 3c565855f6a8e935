#include "tests/support/stream_socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace carillon::testing {

StreamSocket::StreamSocket(std::uint16_t port, int receive_bytes)
    : descriptor_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  if (receive_bytes > 0)
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error{"connect failed"};
}

StreamSocket::~StreamSocket() {
  close();
}

StreamSocket::StreamSocket(StreamSocket&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)},
      buffer_{std::move(other.buffer_)},
      begin_{std::exchange(other.begin_, 0)} {
}

void StreamSocket::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void StreamSocket::reset() {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close();
}

void StreamSocket::finish_sending() {
  ::shutdown(descriptor_, SHUT_WR);
}

void StreamSocket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    wait(POLLOUT);
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) throw std::runtime_error{"send failed"};
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string StreamSocket::read(std::size_t count) {
  while (buffered().size() < count)
    if (!fill()) throw std::runtime_error{"the connection ended"};
  return take(count);
}

std::string StreamSocket::read_until(std::string_view delimiter) {
  for (;;) {
    const auto found = buffered().find(delimiter);
    if (found != std::string_view::npos) return take(found + delimiter.size());
    if (!fill()) throw std::runtime_error{"the connection ended"};
  }
}

std::string StreamSocket::read_all() {
  while (fill()) {
  }
  return take(buffered().size());
}

bool StreamSocket::at_end() {
  return buffered().empty() && !fill();
}

std::string_view StreamSocket::buffered() const {
  return std::string_view{buffer_}.substr(begin_);
}

std::string StreamSocket::take(std::size_t count) {
  std::string taken{buffered().substr(0, count)};
  begin_ += count;
  if (begin_ == buffer_.size() || begin_ > std::size_t{1} << 20U) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  return taken;
}

bool StreamSocket::fill() {
  wait(POLLIN);
  std::array<char, 65'536> chunk;  // NOLINT(cppcoreguidelines-init-variables): filled by recv
  const auto got = ::recv(descriptor_, chunk.data(), chunk.size(), 0);
  if (got <= 0) return false;
  buffer_.append(chunk.data(), static_cast<std::size_t>(got));
  return true;
}

void StreamSocket::wait(short events) const {
  pollfd poll{.fd = descriptor_, .events = events, .revents = 0};
  constexpr auto limit = std::chrono::milliseconds{deadline};
  if (::poll(&poll, 1, static_cast<int>(limit.count())) != 1)
    throw std::runtime_error{"nothing happened on the connection before the deadline"};
}

}  // namespace carillon::testing
