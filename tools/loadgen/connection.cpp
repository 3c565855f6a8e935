#include "tools/loadgen/connection.hpp"

#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

namespace carillon::loadgen {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

namespace {

std::string text_of(int error) {
  return std::error_code{error, std::generic_category()}.message();
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

Connection::~Connection() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Connection::open(const tcp::endpoint& remote, const std::optional<asio::ip::address>& local) {
  closed_ = false;
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
    on_connected();
  });
}

void Connection::on_connected() {
  ErrorCode error;
  socket_.set_option(tcp::no_delay{true}, error);
  if (!error) socket_.non_blocking(true, error);
  if (!error) descriptor_ = socket_.release(error);
  if (error) return fail(error.message());
  loop_.poller.add(descriptor_, *this);
  on_open();
}

void Connection::close() {
  closed_ = true;
  unsent_.clear();
  ErrorCode ignored;
  socket_.close(ignored);
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void Connection::fail(const std::string& why) {
  if (closed_) return;
  close();
  on_end(why);
}

void Connection::on_ready(bool writable) {
  if (descriptor_ < 0) return;
  if (writable) write_on();
  if (descriptor_ >= 0) read();
}

void Connection::read() {
  auto& buffer = loop_.read_buffer;
  const auto count = recv(descriptor_, buffer.data(), buffer.size(), 0);
  if (count == 0) return fail("the server closed the connection");
  if (count < 0) {
    if (!would_block(errno)) fail(text_of(errno));
    return;
  }
  loop_.read_at_ns = now_ns();
  try {
    on_bytes({buffer.data(), static_cast<std::size_t>(count)});
  } catch (const std::exception& failure) {
    fail(failure.what());
  }
}

void Connection::send(std::string_view bytes) {
  if (closed_ || bytes.empty()) return;
  if (unsent_.empty()) {
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && !would_block(errno)) return fail_later(errno);
    bytes.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
    if (bytes.empty()) return;
    loop_.poller.ask_writable(descriptor_, *this, true);
  }
  unsent_ += bytes;
}

// From the loop: the caller is amid its own work.
void Connection::fail_later(int error) {
  asio::post(loop_.io, [this, error] { fail(text_of(error)); });
}

void Connection::write_on() {
  const auto sent = ::send(descriptor_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0 && !would_block(errno)) return fail(text_of(errno));
  unsent_.erase(0, sent < 0 ? 0 : static_cast<std::size_t>(sent));
  if (unsent_.empty()) loop_.poller.ask_writable(descriptor_, *this, false);
}

}  // namespace carillon::loadgen
