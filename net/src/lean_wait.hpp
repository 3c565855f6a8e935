#pragma once

#include "net/src/asio.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace carillon::net {

/// Gives an operation that pends for as long as a session is idle a block of its own
/// size. Asio's default reuses whatever larger block an operation before it left, and
/// ten thousand waits hold ten thousand of those.
template <class T>
class ExactAllocator {
 public:
  using value_type = T;

  ExactAllocator() noexcept = default;
  template <class Other>
  // NOLINTNEXTLINE(google-explicit-constructor): an allocator converts when it is rebound
  ExactAllocator(const ExactAllocator<Other>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>{}.allocate(count); }
  void deallocate(T* memory, std::size_t count) noexcept {
    std::allocator<T>{}.deallocate(memory, count);
  }
  template <class Other>
  [[nodiscard]] bool operator==(const ExactAllocator<Other>&) const noexcept {
    return true;
  }
};

/// Waits until bytes of the peer, or its end, can be read.
template <class Handler>
void wait_until_readable(tcp::socket& socket, Handler&& handler) {
  socket.async_wait(tcp::socket::wait_read, asio::bind_allocator(ExactAllocator<std::byte>{},
                                                                 std::forward<Handler>(handler)));
}

}  // namespace carillon::net
