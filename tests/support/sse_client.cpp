#include "tests/support/sse_client.hpp"

#include <utility>

namespace carillon::testing {

SseClient::SseClient(StreamSocket socket) : socket_{std::move(socket)} {
}

std::string SseClient::request() {
  return "GET /api/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
}

StreamSocket& SseClient::socket() {
  return socket_;
}

std::string SseClient::read_head() {
  return socket_.read_until("\r\n\r\n");
}

SseBlock SseClient::read_block() {
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

SseBlock SseClient::read_event() {
  for (;;) {
    auto block = read_block();
    if (block.comment.empty()) return block;
  }
}

std::string& SseClient::field(SseBlock& block, std::string_view name) {
  if (name == "event") return block.name;
  if (name == "id") return block.id;
  if (name == "data") return block.data;
  if (name == "retry") return block.retry;
  return block.comment;
}

}  // namespace carillon::testing
