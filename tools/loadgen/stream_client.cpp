#include "tools/loadgen/stream_client.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace carillon::loadgen {
namespace {

std::string describe_close(std::string_view payload) {
  if (payload.size() < 2) return "the server closed the WebSocket";
  const auto code = (static_cast<unsigned>(static_cast<std::uint8_t>(payload[0])) << 8) |
                    static_cast<std::uint8_t>(payload[1]);
  return fmt::format("the server closed the WebSocket with {} '{}'", code, payload.substr(2));
}

}  // namespace

StreamClient::StreamClient(Loop& loop, bool websocket)
    : Connection{loop}, websocket_{websocket}, response_{[this](std::string_view body) {
        if (!websocket_)
          blocks_.feed(body, [this](std::string_view bytes) { return take_blocks(bytes); });
      }} {
}

void StreamClient::on_open() {
  if (websocket_) key_ = make_websocket_key();
  send(opening_request(key_));
}

void StreamClient::on_bytes(std::string_view bytes) {
  carry_.feed(bytes, [this](std::string_view all) {
    const std::size_t taken = streaming_ && websocket_ ? 0 : take_opening(all);
    if (!streaming_ || !websocket_ || closed()) return taken;
    return taken + take_frames(all.substr(taken));
  });
}

std::size_t StreamClient::take_opening(std::string_view bytes) {
  const auto taken = response_.feed(bytes);
  if (streaming_ || !response_.head_done()) {
    if (streaming_ && response_.done()) throw std::runtime_error{"the server ended the stream"};
    return taken;
  }
  const unsigned wanted = websocket_ ? 101 : 200;
  if (response_.status() != wanted)
    throw std::runtime_error{fmt::format("the server answered {} to the subscription instead of {}",
                                         response_.status(), wanted)};
  if (websocket_ && response_.accept_key() != accept_of(key_))
    throw std::runtime_error{"the server's Sec-WebSocket-Accept does not belong to our key"};
  streaming_ = true;
  on_stream();
  // The stream's first bytes may stand behind the head.
  if (websocket_ || closed() || taken == bytes.size()) return taken;
  return taken + response_.feed(bytes.substr(taken));
}

std::size_t StreamClient::take_frames(std::string_view bytes) {
  auto rest = bytes;
  while (const auto frame = next_frame(rest)) {
    take_frame(*frame);
    if (closed()) break;
  }
  return bytes.size() - rest.size();
}

void StreamClient::take_frame(const Frame& frame) {
  switch (frame.opcode) {
    case Opcode::ping:
      frame_.clear();
      append_frame(frame_, Opcode::pong, frame.payload);
      return send(frame_);
    case Opcode::pong:
      return;
    case Opcode::close:
      return fail(describe_close(frame.payload));
    case Opcode::more:
    case Opcode::text:
    case Opcode::binary:
      break;
    default:
      throw std::runtime_error{"the server sent a frame of an unknown kind"};
  }
  if (frame.last && fragments_.empty()) return on_message(frame.payload);
  fragments_ += frame.payload;
  if (!frame.last) return;
  on_message(fragments_);
  fragments_.clear();
}

std::size_t StreamClient::take_blocks(std::string_view bytes) {
  auto rest = bytes;
  while (const auto block = next_block(rest))
    on_message(*block);
  return bytes.size() - rest.size();
}

void StreamClient::forget_stream() {
  streaming_ = false;
  response_.begin();
  carry_ = {};
  blocks_ = {};
  fragments_.clear();
}

void StreamClient::send_message(std::string_view text, bool binary) {
  frame_.clear();
  append_frame(frame_, binary ? Opcode::binary : Opcode::text, text);
  send(frame_);
}

}  // namespace carillon::loadgen
