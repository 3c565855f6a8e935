#include "tests/net/http_harness.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace carillon::net {
namespace {

using namespace std::chrono_literals;

int option_of(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(socket, level, name, &value, &size);
  return value;
}

/// The server's end of its only connection, or the socket that listens.
int socket_at(std::uint16_t port, bool listening) {
  for (int descriptor = 3; descriptor < 1'024; ++descriptor) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) continue;
    if (address.sin_family != AF_INET || ntohs(address.sin_port) != port) continue;
    if ((option_of(descriptor, SOL_SOCKET, SO_ACCEPTCONN) != 0) == listening) return descriptor;
  }
  throw std::runtime_error{"there is no such socket"};
}

TEST(SocketOptionsTest, EveryAcceptedConnectionHasThem) {
  ServerOptions options;
  options.sockets.tcp_keepalive_idle = 70s;
  options.sockets.tcp_keepalive_interval = 7s;
  options.sockets.tcp_keepalive_probes = 3;
  options.sockets.tcp_user_timeout = 45s;
  options.sockets.send_buffer_bytes = 100'000;
  options.sockets.receive_buffer_bytes = 50'000;
  HttpHarness harness{options};
  auto client = harness.client();
  ASSERT_EQ(client.get("/healthz").status, 200U);

  const int listening = socket_at(harness.port(), true);
  const int accepted = socket_at(harness.port(), false);

  EXPECT_EQ(option_of(listening, SOL_SOCKET, SO_REUSEADDR), 1);
  EXPECT_EQ(option_of(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option_of(accepted, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option_of(accepted, IPPROTO_TCP, TCP_KEEPIDLE), 70);
  EXPECT_EQ(option_of(accepted, IPPROTO_TCP, TCP_KEEPINTVL), 7);
  EXPECT_EQ(option_of(accepted, IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(option_of(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), 45'000);
  // Linux reserves as much again for its bookkeeping.
  EXPECT_EQ(option_of(accepted, SOL_SOCKET, SO_SNDBUF), 200'000);
  EXPECT_EQ(option_of(accepted, SOL_SOCKET, SO_RCVBUF), 100'000);
}

TEST(SocketOptionsTest, WhatIsTurnedOffIsOff) {
  ServerOptions options;
  options.sockets.reuse_address = false;
  options.sockets.no_delay = false;
  options.sockets.tcp_keepalive_idle = 0s;
  options.sockets.tcp_user_timeout = 0s;
  HttpHarness harness{options};
  auto client = harness.client();
  ASSERT_EQ(client.get("/healthz").status, 200U);

  const int accepted = socket_at(harness.port(), false);

  EXPECT_EQ(option_of(socket_at(harness.port(), true), SOL_SOCKET, SO_REUSEADDR), 0);
  EXPECT_EQ(option_of(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_EQ(option_of(accepted, SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option_of(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
}

// Method: the kernel shows a listening socket's backlog as `tcpi_sacked`.
TEST(SocketOptionsTest, TheBacklogIsTheOneAskedFor) {
  ServerOptions options;
  options.sockets.listen_backlog = 77;
  HttpHarness harness{options};

  tcp_info info{};
  socklen_t size = sizeof info;
  ASSERT_EQ(::getsockopt(socket_at(harness.port(), true), IPPROTO_TCP, TCP_INFO, &info, &size), 0);

  EXPECT_EQ(info.tcpi_sacked, 77U);
}

}  // namespace
}  // namespace carillon::net
