#include "tests/fuzz/wire_client.hpp"

#include "tests/fuzz/require.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace carillon::fuzz {
namespace {

/// Longer than any timeout of the server: what takes this long hangs.
constexpr int deadline_ms = 60'000;

/// libFuzzer's own timer interrupts what waits; a connect() that is called again goes on.
template <class Call>
int uninterrupted(Call call) {
  for (;;) {
    const int result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

/// One connection; its end is orderly or not, and noted.
class Connection {
 public:
  explicit Connection(std::uint16_t port)
      : descriptor_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CARILLON_FUZZ_REQUIRE(uninterrupted([&] {
                            return ::connect(descriptor_,
                                             reinterpret_cast<const sockaddr*>(&address),
                                             sizeof address);
                          }) == 0);
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Connection() { ::close(descriptor_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// False once the server has closed its side.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto ready = wait(POLLIN | POLLOUT);
      if ((ready & POLLIN) != 0 && !receive()) return false;
      if ((ready & POLLOUT) == 0) continue;
      const auto sent =
          ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EAGAIN) continue;
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  Conversation finish() {
    ::shutdown(descriptor_, SHUT_WR);
    while (!ended_) {
      wait(POLLIN);
      receive();
    }
    return std::move(conversation_);
  }

 private:
  short wait(int events) const {
    pollfd poll{.fd = descriptor_, .events = static_cast<short>(events), .revents = 0};
    CARILLON_FUZZ_REQUIRE(uninterrupted([&] { return ::poll(&poll, 1, deadline_ms); }) == 1);
    // An error or a hang-up shows in the next receive.
    return static_cast<short>((poll.revents & ~(POLLERR | POLLHUP)) != 0 ? poll.revents : POLLIN);
  }
  bool receive() {
    std::array<char, 65536> chunk;  // NOLINT(*-member-init): filled by recv
    const auto got = ::recv(descriptor_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return true;
    if (got > 0) {
      conversation_.received.append(chunk.data(), static_cast<std::size_t>(got));
      return true;
    }
    conversation_.complete = got == 0;
    ended_ = true;
    return false;
  }

  int descriptor_;
  Conversation conversation_;
  bool ended_ = false;
};

}  // namespace

Conversation converse(std::uint16_t port, std::string_view bytes, std::size_t piece) {
  Connection connection{port};
  while (!bytes.empty() && connection.send(bytes.substr(0, piece)))
    bytes.remove_prefix(std::min(piece, bytes.size()));
  return connection.finish();
}

}  // namespace carillon::fuzz
