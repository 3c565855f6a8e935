#pragma once

#include "tools/loadgen/connection.hpp"
#include "tools/loadgen/response_reader.hpp"
#include "tools/loadgen/wire.hpp"

#include <string>
#include <string_view>

namespace carillon::loadgen {

/// A connection that asks once and then hears a stream of messages: the texts of
/// a WebSocket, or the blocks of a `text/event-stream`.
class StreamClient : public Connection {
 public:
  StreamClient(Loop& loop, bool websocket);

 protected:
  /// `key`: Sec-WebSocket-Key; empty if it is no WebSocket.
  [[nodiscard]] virtual std::string opening_request(std::string_view key) const = 0;
  /// The server has agreed to the stream.
  virtual void on_stream() = 0;
  virtual void on_message(std::string_view message) = 0;

  /// Forgets the stream before: another may be opened.
  void forget_stream();

  /// Sends a WebSocket message.
  void send_message(std::string_view text, bool binary);

 private:
  void on_open() final;
  void on_bytes(std::string_view bytes) final;
  std::size_t take_opening(std::string_view bytes);
  std::size_t take_frames(std::string_view bytes);
  std::size_t take_blocks(std::string_view bytes);
  void take_frame(const Frame& frame);

  const bool websocket_;
  bool streaming_ = false;
  std::string key_;  // Sec-WebSocket-Key of this connection
  ResponseReader response_;
  Carry carry_;
  Carry blocks_;
  std::string fragments_;  // of a message whose last frame has not come
  std::string frame_;      // scratch of send_message
};

}  // namespace carillon::loadgen
