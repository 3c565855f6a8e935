#include "tools/loadgen/poller.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace carillon::loadgen {
namespace {

int create_epoll() {
  const int descriptor = epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) throw std::system_error{errno, std::generic_category(), "epoll_create1"};
  return descriptor;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io) : epoll_{io, create_epoll()} {
  wait();
}

void Poller::add(int descriptor, Pollable& what) {
  control(EPOLL_CTL_ADD, descriptor, what, EPOLLIN);
}

void Poller::ask_writable(int descriptor, Pollable& what, bool wanted) {
  control(EPOLL_CTL_MOD, descriptor, what, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Poller::control(int operation, int descriptor, Pollable& what, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &what;
  if (epoll_ctl(epoll_.native_handle(), operation, descriptor, &event) != 0)
    throw std::system_error{errno, std::generic_category(), "epoll_ctl"};
}

void Poller::wait() {
  epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (error) return;
                      turn();
                      wait();
                    });
}

void Poller::turn() {
  // Bounded, so that timers have their turn, too; what is left is still ready.
  std::array<epoll_event, 512> events;
  const int count =
      epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    static_cast<Pollable*>(event.data.ptr)->on_ready((event.events & EPOLLOUT) != 0);
  }
}

}  // namespace carillon::loadgen
