#include "tools/loadgen/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <netinet/in.h>

#include <exception>

namespace carillon::loadgen {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

void Connection::open(const tcp::endpoint& remote, const std::optional<asio::ip::address>& local) {
  opened_ns_ = now_ns();
  ErrorCode error;
  socket_.open(remote.protocol(), error);
  if (!error && local) {
    // The port is chosen when the other end is known, so it may be used again for another.
    using LatePort = asio::detail::socket_option::boolean<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>;
    socket_.set_option(LatePort{true}, error);
    if (!error) socket_.bind({*local, 0}, error);
  }
  if (error) return fail(error.message());
  socket_.async_connect(remote, [this](const ErrorCode& failure) {
    if (closed_) return;
    if (failure) return fail(failure.message());
    ErrorCode ignored;
    socket_.set_option(tcp::no_delay{true}, ignored);
    socket_.non_blocking(true, ignored);
    on_open();
    if (!closed_) wait_for_bytes();
  });
}

void Connection::close() {
  closed_ = true;
  ErrorCode ignored;
  socket_.close(ignored);
}

void Connection::fail(const std::string& why) {
  if (closed_) return;
  close();
  on_end(why);
}

void Connection::wait_for_bytes() {
  socket_.async_wait(tcp::socket::wait_read, [this](const ErrorCode& error) {
    if (closed_) return;
    if (error) return fail(error.message());
    read();
  });
}

void Connection::read() {
  // Bounded, so that one busy connection does not keep the others waiting.
  for (int round = 0; round < 4; ++round) {
    ErrorCode error;
    const auto count = socket_.read_some(asio::buffer(loop_.read_buffer), error);
    if (error == asio::error::would_block) break;
    if (error == asio::error::eof) return fail("the server closed the connection");
    if (error) return fail(error.message());
    loop_.read_at_ns = now_ns();
    try {
      on_bytes({loop_.read_buffer.data(), count});
    } catch (const std::exception& failure) {
      return fail(failure.what());
    }
    if (closed_) return;
    if (count < loop_.read_buffer.size()) break;
  }
  wait_for_bytes();
}

void Connection::send(std::string_view bytes) {
  if (closed_) return;
  if (!writing_) {
    ErrorCode error;
    const auto sent = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
    if (error && error != asio::error::would_block) {
      // Reported from the loop: the caller is amid its own work.
      asio::post(loop_.io, [this, why = error.message()] { fail(why); });
      return;
    }
    bytes.remove_prefix(error ? 0 : sent);
  }
  if (bytes.empty()) return;
  unsent_ += bytes;
  if (!writing_) write_on();
}

void Connection::write_on() {
  writing_ = true;
  socket_.async_wait(tcp::socket::wait_write, [this](const ErrorCode& failure) {
    if (closed_) return;
    if (failure) return fail(failure.message());
    ErrorCode error;
    const auto sent = socket_.write_some(asio::buffer(unsent_), error);
    if (error && error != asio::error::would_block) return fail(error.message());
    unsent_.erase(0, error ? 0 : sent);
    writing_ = false;
    if (!unsent_.empty()) write_on();
  });
}

}  // namespace carillon::loadgen
