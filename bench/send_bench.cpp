// Question: what does it cost the kernel to take the same frame for many sockets, with
// one, two, eight and 32 frames in one system call, and by how much do batches of
// sends through io_uring cost less? This is the floor below every figure of
// fan-out over a network.
// Left out: everything of ours. No events, no encoding, no reads, no timers. The
// receiver is a process of its own which throws away what comes; TCP's work for
// its side of the loopback is in these figures as it is in the server's.
#include "bench/pinned.hpp"

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what, int error = errno) {
  throw std::system_error{error, std::generic_category(), what};
}

/// The sockets of a server, and their clients in another process on another processor.
class Crowd {
 public:
  explicit Crowd(std::size_t sockets) {
    void* const shared =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) fail("mmap");
    shared_ = new (shared) Shared;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener, plain, length) != 0 || listen(listener, 1024) != 0) fail("listen");
    if (getsockname(listener, plain, &length) != 0) fail("getsockname");
    child_ = fork();
    if (child_ < 0) fail("fork");
    if (child_ == 0) {
      close(listener);
      receive(address, sockets);
    }
    for (std::size_t i = 0; i < sockets; ++i) {
      const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted < 0) fail("accept");
      const int yes = 1;
      if (setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0) fail("nodelay");
      sockets_.push_back(accepted);
    }
    close(listener);
  }
  ~Crowd() {
    for (const int socket : sockets_)
      close(socket);
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    munmap(shared_, sizeof(Shared));
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  [[nodiscard]] const std::vector<int>& sockets() const noexcept { return sockets_; }

  /// Sleeps until the clients have so many bytes. Sleeping costs the server's
  /// processor next to nothing.
  void await(std::uint64_t bytes) const {
    while (shared_->received.load() < bytes)
      std::this_thread::sleep_for(std::chrono::microseconds{20});
  }

 private:
  struct Shared {
    std::atomic<std::uint64_t> received{0};
  };

  [[noreturn]] void receive(sockaddr_in address, std::size_t sockets) const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench::pin_this_thread(1);
    const int poller = epoll_create1(0);
    for (std::size_t i = 0; i < sockets; ++i) {
      const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      epoll_event interest{};
      interest.events = EPOLLIN;
      interest.data.fd = client;
      if (connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
          epoll_ctl(poller, EPOLL_CTL_ADD, client, &interest) != 0)
        _exit(1);
    }
    std::array<epoll_event, 512> ready{};
    std::vector<char> unused(1);
    for (;;) {
      const int count = epoll_wait(poller, ready.data(), static_cast<int>(ready.size()), -1);
      std::uint64_t bytes = 0;
      for (int i = 0; i < count; ++i) {
        const auto taken = recv(ready[static_cast<std::size_t>(i)].data.fd, unused.data(),
                                std::size_t{1} << 20U, MSG_TRUNC | MSG_DONTWAIT);
        if (taken == 0) _exit(0);
        if (taken > 0) bytes += static_cast<std::uint64_t>(taken);
      }
      shared_->received.fetch_add(bytes);
    }
  }

  Shared* shared_ = nullptr;
  pid_t child_ = -1;
  std::vector<int> sockets_;
};

std::int64_t process_cpu_ns() {
  timespec time{};
  static_cast<void>(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time));
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

/// Each iteration sends `frames` frames to each socket, by one call of `round`, and waits
/// until all have come. `round` returns how many bytes the kernel took.
template <class Round>
void measure(benchmark::State& state, const Crowd& crowd, Round&& round) {
  const auto frames = static_cast<std::size_t>(state.range(1));
  const std::string text(frames * static_cast<std::size_t>(state.range(2)), 'x');
  const std::uint64_t bytes = text.size() * crowd.sockets().size();
  std::uint64_t sent = 0;
  for (int warmup = 0; warmup < 3; ++warmup) {
    sent += round(text);
    crowd.await(sent);
  }
  const auto before = sent;
  const auto cpu = process_cpu_ns();
  for ([[maybe_unused]] auto _ : state) {
    sent += round(text);
    crowd.await(sent);
  }
  const auto used = static_cast<double>(process_cpu_ns() - cpu);
  const auto rounds = static_cast<std::uint64_t>(state.iterations());
  if (sent - before != bytes * rounds) return state.SkipWithError("a socket was full");
  const auto deliveries = static_cast<double>(rounds * frames * crowd.sockets().size());
  state.counters["frames_per_cpu_second"] = deliveries * 1e9 / used;
  state.counters["cpu_ns_per_send"] = used / (deliveries / static_cast<double>(frames));
}

void send_floor(benchmark::State& state) {
  const bench::PinnedToFirst pinned;
  const Crowd crowd{static_cast<std::size_t>(state.range(0))};
  measure(state, crowd, [&crowd](const std::string& text) {
    std::uint64_t sent = 0;
    for (const int socket : crowd.sockets()) {
      const auto taken = send(socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (taken > 0) sent += static_cast<std::uint64_t>(taken);
    }
    return sent;
  });
}

/// How a ring is used, beyond one submission per 256 sends.
enum RingUse : unsigned {
  plain = 0,
  deferred = 1,    // SINGLE_ISSUER and DEFER_TASKRUN
  registered = 2,  // sockets by their index in the ring, without a look-up each
  silent = 4,      // no completion for a send that took everything
};

class Ring {
 public:
  Ring(unsigned use, const std::vector<int>& sockets) : use_{use}, sockets_{sockets} {
    io_uring_params params{};
    if ((use & deferred) != 0) params.flags = IORING_SETUP_SINGLE_ISSUER | (1U << 13U);
    if (const int error = io_uring_queue_init_params(batch, &ring_, &params); error != 0)
      fail("io_uring_queue_init", -error);
    if ((use & registered) == 0) return;
    if (const int error =
            io_uring_register_files(&ring_, sockets.data(), static_cast<unsigned>(sockets.size()));
        error != 0)
      fail("io_uring_register_files", -error);
  }
  ~Ring() { io_uring_queue_exit(&ring_); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  std::uint64_t send_all(const std::string& text) {
    std::uint64_t sent = 0;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      auto* const entry = io_uring_get_sqe(&ring_);
      // WAITALL makes a part of the text a failure, which is reported in any case.
      io_uring_prep_send(entry, (use_ & registered) != 0 ? static_cast<int>(i) : sockets_[i],
                         text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
      if ((use_ & registered) != 0) entry->flags |= IOSQE_FIXED_FILE;
      if ((use_ & silent) != 0) entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
      if ((i + 1) % batch == 0 || i + 1 == sockets_.size()) sent += submit(text.size());
    }
    return sent;
  }

 private:
  static constexpr unsigned batch = 256;

  std::uint64_t submit(std::size_t bytes_each) {
    const int taken = io_uring_submit_and_wait(&ring_, 0);
    if (taken < 0) fail("io_uring_submit", -taken);
    std::uint64_t sent = (use_ & silent) != 0 ? bytes_each * static_cast<unsigned>(taken) : 0;
    io_uring_cqe* done = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, done) {
      ++count;
      if ((use_ & silent) != 0) sent -= bytes_each;
      if (done->res > 0) sent += static_cast<std::uint64_t>(done->res);
    }
    io_uring_cq_advance(&ring_, count);
    return sent;
  }

  const unsigned use_;
  const std::vector<int>& sockets_;
  io_uring ring_{};
};

void send_ring(benchmark::State& state) {
  const bench::PinnedToFirst pinned;
  const Crowd crowd{static_cast<std::size_t>(state.range(0))};
  try {
    Ring ring{static_cast<unsigned>(state.range(3)), crowd.sockets()};
    measure(state, crowd, [&ring](const std::string& text) { return ring.send_all(text); });
  } catch (const std::system_error& error) {
    state.SkipWithError(error.what());
  }
}

// The size of a frame is that of a plain event with 200 bytes of its publisher's own.
constexpr std::int64_t frame_bytes = 650;

BENCHMARK(send_floor)
    ->ArgNames({"sockets", "frames", "bytes"})
    ->ArgsProduct({{1'000}, {1, 2, 8, 32}, {frame_bytes}})
    ->Args({100, 1, frame_bytes})
    ->Args({5'000, 1, frame_bytes})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

BENCHMARK(send_ring)
    ->ArgNames({"sockets", "frames", "bytes", "use"})
    ->ArgsProduct({{1'000},
                   {1, 8},
                   {frame_bytes},
                   {plain, deferred, deferred | registered, deferred | silent,
                    deferred | registered | silent}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
