#include "net/src/frame_encoder.hpp"

#include "net/src/assert.hpp"

namespace carillon::net {
namespace {

constexpr std::string_view plain_member = R"(,"cursor":")";
constexpr std::string_view plain_end = R"("})";
constexpr std::string_view v1_start = R"({"type":"event","cursor":")";
constexpr std::string_view v1_event = R"(","event":)";

// 7, 16 or 64 bits of length behind FIN and the opcode for text.
void append_text_header(std::string& out, std::size_t payload_bytes) {
  out.push_back(static_cast<char>(0x81));
  unsigned length_bytes = 0;
  if (payload_bytes < 126) {
    out.push_back(static_cast<char>(payload_bytes));
  } else if (payload_bytes <= 0xFFFF) {
    out.push_back(126);
    length_bytes = 2;
  } else {
    out.push_back(127);
    length_bytes = 8;
  }
  for (unsigned left = length_bytes; left > 0; --left)
    out.push_back(static_cast<char>((payload_bytes >> (8 * (left - 1))) & 0xFFU));
}

void append_frame(std::string& out,
                  FrameFormat format,
                  std::string_view cursor,
                  std::string_view json) {
  switch (format) {
    case FrameFormat::websocket_plain:
      append_text_header(out,
                         json.size() - 1 + plain_member.size() + cursor.size() + plain_end.size());
      out.append(json.substr(0, json.size() - 1));
      out.append(plain_member).append(cursor).append(plain_end);
      return;
    case FrameFormat::websocket_v1:
      append_text_header(out, v1_start.size() + cursor.size() + v1_event.size() + json.size() + 1);
      out.append(v1_start).append(cursor).append(v1_event).append(json);
      out.push_back('}');
      return;
    case FrameFormat::sse:
      // A line break would end the field: JSON has none outside of strings here,
      // because metadata is minified, and in strings it is escaped.
      CARILLON_ASSERT(
          json.find('\n') == std::string_view::npos && json.find('\r') == std::string_view::npos,
          "an event's JSON is one line");
      out.append("id: ").append(cursor).append("\ndata: ").append(json).append("\n\n");
      return;
  }
}

}  // namespace

void append_text_frame(std::string& out, std::string_view payload) {
  append_text_header(out, payload.size());
  out.append(payload);
}

void FrameEncoder::begin_turn(std::uint64_t turn) {
  ++generation_;
  turn_ = turn;
}

SharedBytes FrameEncoder::encode(FrameFormat format, const engine::Delivery& delivery) {
  PerFormat& known = formats_[static_cast<std::size_t>(format)];
  if (delivery.slot >= known.by_slot.size()) known.by_slot.resize(delivery.slot + std::size_t{1});
  Known& entry = known.by_slot[delivery.slot];
  if (entry.generation != generation_) {
    std::array<char, engine::cursor_text_bytes> cursor{};
    engine::format_cursor({epoch_, delivery.position}, cursor.data());
    entry = {generation_, known.text.size(), 0};
    append_frame(known.text, format, {cursor.data(), cursor.size()}, delivery.event->json());
    entry.end = known.text.size();
    bytes_ += entry.end - entry.begin;
  }
  return {&known.text, entry.begin, entry.end};
}

void FrameEncoder::reset() {
  ++generation_;
  bytes_ = 0;
  for (PerFormat& format : formats_) {
    // What one burst needed is not kept for ever.
    if (format.text.capacity() > 2 * shared_bytes_max) std::string{}.swap(format.text);
    format.text.clear();
  }
}

}  // namespace carillon::net
