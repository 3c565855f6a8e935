#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>

namespace carillon::loadgen {

/// What a Poller tells of its descriptor.
class Pollable {
 public:
  /// `writable` only where it was asked for. May come once more after the
  /// descriptor was closed: the turn had found it ready before.
  virtual void on_ready(bool writable) = 0;

 protected:
  ~Pollable() = default;
};

/// Level-triggered epoll under an Asio loop. Asio's own wait for a socket rearms it
/// by a system call each time; here one epoll_wait serves all that are ready.
///
/// Threads   The loop's thread.
/// Lifetime  Outlives the run of the loop. Closing a descriptor removes it.
class Poller {
 public:
  explicit Poller(boost::asio::io_context& io);

  void add(int descriptor, Pollable& what);
  /// Whether on_ready() shall come when the descriptor takes bytes, too.
  void ask_writable(int descriptor, Pollable& what, bool wanted);

 private:
  void control(int operation, int descriptor, Pollable& what, std::uint32_t events);
  void wait();
  void turn();

  boost::asio::posix::stream_descriptor epoll_;
};

}  // namespace carillon::loadgen
