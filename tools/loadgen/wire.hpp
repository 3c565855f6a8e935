#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::loadgen {

/// Bytes that come in pieces, for a reader that takes whole units only.
class Carry {
 public:
  /// `consume` gets what is there and returns how many bytes of it it took.
  template <class Consume>
  void feed(std::string_view bytes, Consume&& consume) {
    if (kept_.empty()) {
      const std::size_t taken = consume(bytes);
      kept_.assign(bytes.substr(taken));
    } else {
      kept_.append(bytes);
      const std::size_t taken = consume(std::string_view{kept_});
      kept_.erase(0, taken);
    }
  }

 private:
  std::string kept_;
};

enum class Opcode : std::uint8_t { more = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// One WebSocket frame (RFC 6455, section 5.2) of a server.
struct Frame {
  Opcode opcode = Opcode::text;
  bool last = true;  ///< of its message
  std::string_view payload{};
};

/// Takes one frame off the front; nullopt while it is not whole. Throws
/// std::runtime_error for what no server may send.
[[nodiscard]] std::optional<Frame> next_frame(std::string_view& bytes);

/// Appends a client's frame. Its mask is zero, which masks nothing and saves us
/// and the server's cache the work; a server can't tell it from any other.
void append_frame(std::string& out, Opcode opcode, std::string_view payload);

/// A random Sec-WebSocket-Key, and the Sec-WebSocket-Accept that must answer a key
/// (RFC 6455, section 4.1).
[[nodiscard]] std::string make_websocket_key();
[[nodiscard]] std::string accept_of(std::string_view key);

/// Takes one block of a `text/event-stream`, without the empty line that ends
/// it, off the front; nullopt while it is not whole.
[[nodiscard]] std::optional<std::string_view> next_block(std::string_view& bytes);

}  // namespace carillon::loadgen
