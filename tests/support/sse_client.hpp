#pragma once

#include "tests/support/stream_socket.hpp"

#include <string>
#include <string_view>

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
  explicit SseClient(StreamSocket socket);

  [[nodiscard]] static std::string request();

  [[nodiscard]] StreamSocket& socket();
  [[nodiscard]] std::string read_head();

  [[nodiscard]] SseBlock read_block();
  /// The next block that is not a comment.
  [[nodiscard]] SseBlock read_event();

 private:
  static std::string& field(SseBlock& block, std::string_view name);

  StreamSocket socket_;
};

}  // namespace carillon::testing
