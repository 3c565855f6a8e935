#pragma once

#include "tests/support/stream_socket.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::testing {

/// One frame as it came (RFC 6455, section 5.2).
struct WebSocketFrame {
  enum Opcode : std::uint8_t {
    continuation = 0,
    text = 1,
    binary = 2,
    close = 8,
    ping = 9,
    pong = 10,
  };

  bool fin = true;
  std::uint8_t opcode = text;
  bool masked = false;
  std::string payload;
  std::size_t header_bytes = 0;

  [[nodiscard]] unsigned close_code() const;
  [[nodiscard]] std::string close_reason() const;
};

/// A WebSocket client of our own, independent of Beast, that can also misbehave.
class WebSocketClient {
 public:
  explicit WebSocketClient(StreamSocket socket);

  [[nodiscard]] static std::string upgrade_request(std::string_view subprotocols = {});
  /// The key above is the example of RFC 6455, section 1.3, and so is its answer.
  static constexpr std::string_view expected_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

  [[nodiscard]] static std::string frame(std::uint8_t opcode,
                                         std::string_view payload,
                                         bool fin = true);
  [[nodiscard]] static std::string close_payload(unsigned code, std::string_view reason = {});

  void send_text(std::string_view payload);
  void send_close(unsigned code, std::string_view reason = {});
  [[nodiscard]] StreamSocket& socket() { return socket_; }

  [[nodiscard]] std::string read_head();

  [[nodiscard]] WebSocketFrame read_frame();
  /// The payload of the next frame that is not a ping.
  [[nodiscard]] WebSocketFrame read_data();
  [[nodiscard]] std::string read_text();

 private:
  StreamSocket socket_;
};

}  // namespace carillon::testing
