#include "net/src/frame_reader.hpp"

#include "net/src/trim_memory.hpp"

#include <simdjson.h>

#include <algorithm>
#include <utility>

namespace carillon::net {
namespace {

enum Opcode : unsigned {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xA,
};

constexpr unsigned two_byte_length = 126;
constexpr unsigned eight_byte_length = 127;

bool is_known(unsigned opcode) {
  return opcode <= binary || (opcode >= close && opcode <= pong);
}

unsigned length_bytes(unsigned length_field) {
  if (length_field == two_byte_length) return 2;
  return length_field == eight_byte_length ? 8 : 0;
}

unsigned byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<unsigned char>(bytes[index]);
}

/// How many bytes at the end are the beginning of a longer character.
std::size_t open_character_bytes(std::string_view bytes) {
  const std::size_t most = std::min<std::size_t>(3, bytes.size());
  for (std::size_t count = 1; count <= most; ++count) {
    const unsigned byte = byte_at(bytes, bytes.size() - count);
    if ((byte & 0xC0U) == 0x80U) continue;
    const std::size_t wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return wanted > count ? count : 0;
  }
  return 0;
}

/// Whether some character begins so (Unicode, table 3-7): behind the lead are at
/// most two bytes, which open_character_bytes() knows to be continuations.
bool begins_character(std::string_view open) {
  if (open.empty()) return true;
  const unsigned lead = byte_at(open, 0);
  if (lead < 0xC2 || lead > 0xF4) return false;
  if (open.size() == 1) return true;
  const unsigned second = byte_at(open, 1);
  if (lead == 0xE0) return second >= 0xA0;  // else overlong
  if (lead == 0xED) return second < 0xA0;   // else a surrogate
  if (lead == 0xF0) return second >= 0x90;  // else overlong
  if (lead == 0xF4) return second < 0x90;   // else above U+10FFFF
  return true;
}

}  // namespace

FrameStep FrameReader::feed(std::span<char>& data) {
  if (std::exchange(message_given_, false)) {
    message_.clear();
    text_checked_ = 0;
  }
  FrameStep step = FrameStep::needs_more;
  while (step == FrameStep::needs_more) {
    if (state_ == State::faulted) return FrameStep::fault;
    // A frame without payload is complete without a further byte.
    const bool is_whole = state_ == State::payload && payload_left_ == 0;
    if (state_ == State::closed || (data.empty() && !is_whole)) return FrameStep::needs_more;
    step = state_ == State::header ? read_header(data) : read_payload(data);
  }
  return step;
}

std::size_t FrameReader::fit() {
  trim_memory(message_);
  return message_.size() + control_.size();
}

FrameStep FrameReader::read_header(std::span<char>& data) {
  const std::size_t bytes = std::min<std::size_t>(header_wanted_ - header_bytes_, data.size());
  std::copy_n(data.begin(), bytes, header_.begin() + header_bytes_);
  data = data.subspan(bytes);
  header_bytes_ = static_cast<std::uint8_t>(header_bytes_ + bytes);
  if (header_bytes_ < header_wanted_) return FrameStep::needs_more;
  return header_wanted_ == 2 ? check_first_bytes() : begin_payload();
}

FrameStep FrameReader::check_first_bytes() {
  const unsigned length_field = header_[1] & 0x7FU;
  const auto broken = [this](std::string_view what) {
    return fail(CloseCode::protocol_error, what);
  };
  if ((header_[0] & 0x70U) != 0) return broken("a reserved bit is set");
  if (!is_known(opcode())) return broken("the opcode is not known");
  if ((header_[1] & 0x80U) == 0) return broken("a client's frame must be masked");
  if (is_control()) {
    if (!is_final()) return broken("a control frame must not be fragmented");
    if (length_field >= two_byte_length) return broken("a control frame is too long");
  } else if (opcode() == continuation && !in_message_) {
    return broken("nothing is there to be continued");
  } else if (opcode() != continuation && in_message_) {
    return broken("the last message is not finished");
  }
  header_wanted_ = static_cast<std::uint8_t>(2 + length_bytes(length_field) + mask_.size());
  return FrameStep::needs_more;
}

FrameStep FrameReader::begin_payload() {
  const unsigned length_field = header_[1] & 0x7FU;
  const unsigned extended = length_bytes(length_field);
  payload_left_ = extended == 0 ? length_field : 0;
  for (unsigned i = 0; i < extended; ++i)
    payload_left_ = (payload_left_ << 8U) | header_[2 + i];
  const std::uint64_t least = extended == 0 ? 0 : extended == 2 ? two_byte_length : 0x1'0000;
  if (payload_left_ < least || payload_left_ >> 63U != 0)
    return fail(CloseCode::protocol_error, "the length is not as short as it can be");
  std::copy_n(header_.begin() + 2 + extended, mask_.size(), mask_.begin());

  if (is_control()) {
    control_.clear();
  } else {
    if (opcode() != continuation) is_text_ = opcode() == text;
    in_message_ = true;
    if (payload_left_ > message_bytes_max_ - message_.size())
      return fail(CloseCode::too_big, "the message is too big");
  }
  state_ = State::payload;
  return FrameStep::needs_more;
}

FrameStep FrameReader::read_payload(std::span<char>& data) {
  const auto bytes =
      data.first(static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, data.size())));
  data = data.subspan(bytes.size());
  payload_left_ -= bytes.size();
  unmask(bytes);
  if (is_control()) {
    control_.append(bytes.data(), bytes.size());
  } else {
    message_.append(bytes.data(), bytes.size());
    if (is_text_ && !is_text_possible())
      return fail(CloseCode::bad_payload, "a text message must be UTF-8");
  }
  return payload_left_ > 0 ? FrameStep::needs_more : end_frame();
}

void FrameReader::unmask(std::span<char> bytes) noexcept {
  // Eight bytes at a time, which the compiler makes one operation.
  std::array<char, 8> mask{};
  for (std::size_t i = 0; i < mask.size(); ++i)
    mask[i] = static_cast<char>(mask_[i % mask_.size()]);
  std::size_t at = 0;
  for (; at + mask.size() <= bytes.size(); at += mask.size())
    for (std::size_t i = 0; i < mask.size(); ++i)
      bytes[at + i] = static_cast<char>(bytes[at + i] ^ mask[i]);
  for (; at < bytes.size(); ++at)
    bytes[at] = static_cast<char>(bytes[at] ^ mask[at % mask.size()]);
  std::rotate(mask_.begin(),
              mask_.begin() + static_cast<std::ptrdiff_t>(bytes.size() % mask_.size()),
              mask_.end());
}

FrameStep FrameReader::end_frame() {
  state_ = State::header;
  header_bytes_ = 0;
  header_wanted_ = 2;
  switch (opcode()) {
    case ping:
      return FrameStep::ping;
    case pong:
      return FrameStep::pong;
    case close:
      return end_close();
    default:
      break;
  }
  if (!is_final()) return FrameStep::needs_more;
  if (is_text_ && text_checked_ != message_.size())
    return fail(CloseCode::bad_payload, "the message ends within a character");
  in_message_ = false;
  message_given_ = true;
  return FrameStep::message;
}

FrameStep FrameReader::end_close() {
  code_ = CloseCode::none;
  if (!control_.empty()) {
    if (control_.size() == 1) return fail(CloseCode::protocol_error, "a close code has two bytes");
    const auto code =
        static_cast<std::uint16_t>((byte_at(control_, 0) << 8U) | byte_at(control_, 1));
    if (!is_close_code(code))
      return fail(CloseCode::protocol_error, "the close code is not for use");
    if (!simdjson::validate_utf8(control_.data() + 2, control_.size() - 2))
      return fail(CloseCode::bad_payload, "a close reason must be UTF-8");
    code_ = CloseCode{code};
  }
  state_ = State::closed;
  return FrameStep::close;
}

/// Checks what came since the last time; a character may still be open at the end.
bool FrameReader::is_text_possible() {
  const auto fresh = std::string_view{message_}.substr(text_checked_);
  const std::size_t open = open_character_bytes(fresh);
  const auto whole = fresh.substr(0, fresh.size() - open);
  if (!whole.empty() && !simdjson::validate_utf8(whole.data(), whole.size())) return false;
  text_checked_ += whole.size();
  return begins_character(fresh.substr(whole.size()));
}

FrameStep FrameReader::fail(CloseCode code, std::string_view what) noexcept {
  state_ = State::faulted;
  code_ = code;
  fault_text_ = what;
  return FrameStep::fault;
}

}  // namespace carillon::net
