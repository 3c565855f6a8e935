#include "tests/support/websocket_client.hpp"

#include <array>
#include <utility>

namespace carillon::testing {

unsigned WebSocketFrame::close_code() const {
  if (payload.size() < 2) return 0;
  return (static_cast<unsigned>(static_cast<unsigned char>(payload[0])) << 8U) |
         static_cast<unsigned char>(payload[1]);
}

std::string WebSocketFrame::close_reason() const {
  return payload.size() < 2 ? std::string{} : payload.substr(2);
}

WebSocketClient::WebSocketClient(StreamSocket socket) : socket_{std::move(socket)} {
}

std::string WebSocketClient::upgrade_request(std::string_view subprotocols) {
  std::string request =
      "GET /api/events/subscribe HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  if (!subprotocols.empty())
    request.append("Sec-WebSocket-Protocol: ").append(subprotocols).append("\r\n");
  return request + "\r\n";
}

std::string WebSocketClient::frame(std::uint8_t opcode, std::string_view payload, bool fin) {
  constexpr std::array<unsigned char, 4> mask{0x37, 0xFA, 0x21, 0x3D};
  std::string bytes;
  bytes.push_back(static_cast<char>((fin ? 0x80U : 0U) | opcode));
  unsigned length_bytes = 0;
  if (payload.size() < 126) {
    bytes.push_back(static_cast<char>(0x80U | payload.size()));
  } else if (payload.size() <= 0xFFFF) {
    bytes.push_back(static_cast<char>(0x80U | 126U));
    length_bytes = 2;
  } else {
    bytes.push_back(static_cast<char>(0x80U | 127U));
    length_bytes = 8;
  }
  for (unsigned left = length_bytes; left > 0; --left)
    bytes.push_back(static_cast<char>((payload.size() >> (8 * (left - 1))) & 0xFFU));
  for (const unsigned char byte : mask)
    bytes.push_back(static_cast<char>(byte));
  for (std::size_t i = 0; i < payload.size(); ++i)
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % 4]));
  return bytes;
}

std::string WebSocketClient::close_payload(unsigned code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
  return payload.append(reason);
}

void WebSocketClient::send_text(std::string_view payload) {
  socket_.send(frame(WebSocketFrame::text, payload));
}

void WebSocketClient::send_close(unsigned code, std::string_view reason) {
  socket_.send(frame(WebSocketFrame::close, close_payload(code, reason)));
}

std::string WebSocketClient::read_head() {
  return socket_.read_until("\r\n\r\n");
}

WebSocketFrame WebSocketClient::read_frame() {
  WebSocketFrame frame;
  const std::string head = socket_.read(2);
  const auto first = static_cast<unsigned char>(head[0]);
  const auto second = static_cast<unsigned char>(head[1]);
  frame.fin = (first & 0x80U) != 0;
  frame.opcode = first & 0x0FU;
  frame.masked = (second & 0x80U) != 0;
  std::size_t length = second & 0x7FU;
  frame.header_bytes = 2;
  if (length >= 126) {
    const std::string extended = socket_.read(length == 126 ? 2 : 8);
    frame.header_bytes += extended.size();
    length = 0;
    for (const char byte : extended)
      length = (length << 8U) | static_cast<unsigned char>(byte);
  }
  frame.payload = socket_.read(length);
  return frame;
}

WebSocketFrame WebSocketClient::read_data() {
  for (;;) {
    auto frame = read_frame();
    if (frame.opcode != WebSocketFrame::ping) return frame;
  }
}

std::string WebSocketClient::read_text() {
  return read_data().payload;
}

}  // namespace carillon::testing
