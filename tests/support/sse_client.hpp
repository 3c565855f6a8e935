#pragma once

#include "tests/support/stream_socket.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace carillon::testing {

/// One block of an event stream (WHATWG HTML, section 9.2).
struct SseBlock {
  std::string text;  ///< as it came, with the empty line that ends it
  std::string name;  ///< `event:`; empty: unnamed, an EventSource's `onmessage`
  std::string id;
  std::string data;
  std::string retry;
  std::string comment;
};

/// Reads an event stream as an EventSource would.
class SseClient {
 public:
  explicit SseClient(StreamSocket socket) : socket_{std::move(socket)} {}

  [[nodiscard]] static std::string request() {
    return "GET /api/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
  }

  [[nodiscard]] StreamSocket& socket() { return socket_; }
  [[nodiscard]] std::string read_head() { return socket_.read_until("\r\n\r\n"); }

  [[nodiscard]] SseBlock read_block() {
    SseBlock block;
    block.text = socket_.read_until("\n\n");
    std::string_view rest{block.text};
    while (rest.size() > 1) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(line.size() + 1);
      const auto colon = line.find(':');
      auto value = line.substr(colon + 1);
      if (value.starts_with(' ')) value.remove_prefix(1);
      field(block, line.substr(0, colon)) = value;
    }
    return block;
  }
  /// The next block that is not a comment.
  [[nodiscard]] SseBlock read_event() {
    for (;;) {
      auto block = read_block();
      if (block.comment.empty()) return block;
    }
  }

 private:
  static std::string& field(SseBlock& block, std::string_view name) {
    if (name == "event") return block.name;
    if (name == "id") return block.id;
    if (name == "data") return block.data;
    if (name == "retry") return block.retry;
    return block.comment;
  }

  StreamSocket socket_;
};

}  // namespace carillon::testing
