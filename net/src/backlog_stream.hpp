#pragma once

#include "net/src/asio.hpp"

#include <boost/beast/websocket.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace carillon::net {

namespace websocket = boost::beast::websocket;

class WebSocketSession;

/// The layer under Beast's WebSocket stream: reads come from the session's
/// socket, writes go into the session's backlog and complete at once. So Beast's
/// frames (handshake, pong, close) and the session's own leave through one
/// writer, whole, in the order in which they were queued.
///
/// Role      An AsyncStream; one per WebSocket session, inside its stream.
/// Threads   The session's shard only.
/// Progress  Nothing blocks. What Beast writes is bounded by the session.
/// Lifetime  The session outlives it: every operation's handler holds the session.
class BacklogStream {
 public:
  using executor_type = tcp::socket::executor_type;

  explicit BacklogStream(WebSocketSession& session) noexcept : session_{&session} {}

  [[nodiscard]] executor_type get_executor() noexcept;

  template <class Buffers, class Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(error_code, std::size_t)>(
        [this](auto&& completion, const Buffers& target) {
          this->read(std::forward<decltype(completion)>(completion), target);
        },
        handler, buffers);
  }

  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(error_code, std::size_t)>(
        [this](auto&& completion, const Buffers& source) {
          const std::size_t bytes = asio::buffer_size(source);
          const error_code error = write(beast::buffers_to_string(source));
          this->post(std::forward<decltype(completion)>(completion), error, error ? 0 : bytes);
        },
        handler, buffers);
  }

  /// Beast has said its last word; the session decides when the socket closes.
  template <class Handler>
  friend void async_teardown(beast::role_type, BacklogStream& stream, Handler&& handler) {
    asio::post(stream.get_executor(),
               beast::bind_front_handler(std::forward<Handler>(handler), error_code{}));
  }
  friend void teardown(beast::role_type, BacklogStream&, error_code& error) { error = {}; }
  friend void beast_close_socket(BacklogStream& stream) { stream.close_socket(); }

 private:
  template <class Completion, class Buffers>
  void read(Completion&& completion, const Buffers& target) {
    note_read();
    for (auto part = asio::buffer_sequence_begin(target); part != asio::buffer_sequence_end(target);
         ++part) {
      const asio::mutable_buffer buffer{*part};
      const std::size_t bytes = take_early({static_cast<char*>(buffer.data()), buffer.size()});
      if (bytes > 0) return post(std::forward<Completion>(completion), error_code{}, bytes);
    }
    socket().async_read_some(target, std::forward<Completion>(completion));
  }

  template <class Completion>
  void post(Completion&& completion, error_code error, std::size_t bytes) {
    asio::post(get_executor(),
               beast::bind_front_handler(std::forward<Completion>(completion), error, bytes));
  }

  [[nodiscard]] tcp::socket& socket() noexcept;
  [[nodiscard]] error_code write(std::string_view frame);
  [[nodiscard]] std::size_t take_early(std::span<char> target) noexcept;
  void note_read() noexcept;
  void close_socket() noexcept;

  WebSocketSession* session_;
};

}  // namespace carillon::net
