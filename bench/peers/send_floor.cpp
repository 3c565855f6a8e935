// Question: what is the least that one frame to each of many sockets costs, so that
// figures of servers on different machines can be compared?
// Bare send() of frames to loopback TCP connections that another process drains; no
// event loop, no protocol, no bookkeeping.
//
//   carillon-bench-send-floor CONNECTIONS FRAMES_PER_SEND FRAME_BYTES SECONDS READER_CORE
//
// Prints frames per CPU-second of the sending process.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

namespace {

// What one send() carries.
struct Batch {
  std::size_t frames;
  std::size_t frame_bytes;
};

int check(int result, const char* what) {
  if (result < 0) throw std::system_error{errno, std::generic_category(), what};
  return result;
}

double cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Connects `count` times to `address` and throws away what comes, until killed.
[[noreturn]] void drain(const sockaddr_in& address, int count, int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<unsigned>(core), &cores);
  check(sched_setaffinity(0, sizeof cores, &cores), "sched_setaffinity");
  const int poll = check(epoll_create1(0), "epoll_create1");
  for (int i = 0; i < count; ++i) {
    const int peer = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    check(connect(peer, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
    epoll_event event{.events = EPOLLIN, .data = {.fd = peer}};
    check(epoll_ctl(poll, EPOLL_CTL_ADD, peer, &event), "epoll_ctl");
  }
  std::vector<char> buffer(std::size_t{1} << 20);
  std::array<epoll_event, 256> events{};
  while (true) {
    const int ready = epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    for (std::size_t i = 0; i < static_cast<std::size_t>(ready > 0 ? ready : 0); ++i)
      if (recv(events[i].data.fd, buffer.data(), buffer.size(), 0) <= 0) _exit(0);
  }
}

std::vector<int> accept_all(int listener, int count) {
  std::vector<int> peers;
  for (int i = 0; i < count; ++i) {
    const int peer = check(accept4(listener, nullptr, nullptr, 0), "accept4");
    const int on = 1;
    check(setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    peers.push_back(peer);
  }
  return peers;
}

// Blocking sends: when a socket is full the sender waits, which is no CPU time.
double frames_per_cpu_s(const std::vector<int>& peers, const Batch& of, double seconds) {
  const std::string batch(of.frame_bytes * of.frames, 'x');
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>{seconds};
  const double before = cpu_s();
  double sent = 0;
  while (Clock::now() < end) {
    for (const int peer : peers)
      if (send(peer, batch.data(), batch.size(), 0) != static_cast<ssize_t>(batch.size()))
        throw std::system_error{errno, std::generic_category(), "send"};
    sent += static_cast<double>(of.frames * peers.size());
  }
  return sent / (cpu_s() - before);
}

int run(int count, const Batch& of, double seconds, int core) {
  const int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  check(listen(listener, 1024), "listen");
  socklen_t length = sizeof address;
  check(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
  const pid_t reader = check(fork(), "fork");
  if (reader == 0) {
    try {
      drain(address, count, core);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "send_floor: reader: %s\n", error.what());
      _exit(1);
    }
  }
  const double rate = frames_per_cpu_s(accept_all(listener, count), of, seconds);
  kill(reader, SIGKILL);
  waitpid(reader, nullptr, 0);
  std::printf("%.0f\n", rate);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: send_floor CONNECTIONS FRAMES_PER_SEND FRAME_BYTES SECONDS READER_CORE\n",
               stderr);
    return 2;
  }
  try {
    return run(std::atoi(argv[1]),
               {.frames = std::strtoul(argv[2], nullptr, 10),
                .frame_bytes = std::strtoul(argv[3], nullptr, 10)},
               std::atof(argv[4]), std::atoi(argv[5]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "send_floor: %s\n", error.what());
    return 1;
  }
}
