#pragma once

#include "net/src/control_frame.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace carillon::net {

/// What feeding bytes to a FrameReader led to.
enum class FrameStep : std::uint8_t {
  needs_more,  ///< all bytes are consumed
  message,     ///< a whole message: message(), is_text()
  ping,        ///< control_payload()
  pong,        ///< control_payload()
  close,       ///< close_code(); the client sends nothing behind it
  fault,       ///< fault_code(), fault_text(); nothing more can be read
};

/// Reads what a WebSocket client sends (RFC 6455, section 5): takes frames apart,
/// unmasks them, puts fragments together, and refuses what the protocol forbids as
/// soon as it can be known.
///
/// Role      One per session, and only while a frame or a message is incomplete: a
///           session that waits for the next one needs none.
/// Threads   The session's shard only.
/// Bound     A message: `message_bytes_max`; memory grows with the bytes that came,
///           never with a length that was announced.
/// Progress  feed() consumes and returns; it reads no socket and keeps no view.
class FrameReader {
 public:
  explicit FrameReader(std::size_t message_bytes_max) noexcept
      : message_bytes_max_{message_bytes_max} {}

  /// Consumes from the front of `data`, which it unmasks in place and advances.
  /// To be called until it needs more; every call ends what the last one gave.
  [[nodiscard]] FrameStep feed(std::span<char>& data);

  /// While more is waited for: gives back memory that it has no use for now. Returns how
  /// many bytes it holds.
  [[nodiscard]] std::size_t fit();

  /// Whether nothing is kept: the next byte begins a frame and a message.
  [[nodiscard]] bool is_idle() const noexcept {
    return state_ == State::header && header_bytes_ == 0 && !in_message_;
  }

  [[nodiscard]] bool is_text() const noexcept { return is_text_; }
  /// May be changed; its memory leaves with the reader.
  [[nodiscard]] std::string& message() noexcept { return message_; }
  [[nodiscard]] std::string_view control_payload() const noexcept { return control_; }
  /// `none` if the frame has none.
  [[nodiscard]] CloseCode close_code() const noexcept { return code_; }
  [[nodiscard]] CloseCode fault_code() const noexcept { return code_; }
  /// For a person.
  [[nodiscard]] std::string_view fault_text() const noexcept { return fault_text_; }

 private:
  enum class State : std::uint8_t { header, payload, closed, faulted };

  [[nodiscard]] FrameStep read_header(std::span<char>& data);
  [[nodiscard]] FrameStep check_first_bytes();
  [[nodiscard]] FrameStep begin_payload();
  [[nodiscard]] FrameStep read_payload(std::span<char>& data);
  void unmask(std::span<char> bytes) noexcept;
  [[nodiscard]] FrameStep end_frame();
  [[nodiscard]] FrameStep end_close();
  [[nodiscard]] bool is_text_possible();
  [[nodiscard]] FrameStep fail(CloseCode code, std::string_view text) noexcept;

  [[nodiscard]] unsigned opcode() const noexcept { return header_[0] & 0x0FU; }
  [[nodiscard]] bool is_final() const noexcept { return (header_[0] & 0x80U) != 0; }
  [[nodiscard]] bool is_control() const noexcept { return (header_[0] & 0x08U) != 0; }

  const std::size_t message_bytes_max_;
  std::string message_;
  std::string control_;
  std::string_view fault_text_;
  std::size_t text_checked_ = 0;  // of message_: whole characters, all valid
  std::uint64_t payload_left_ = 0;
  std::array<unsigned char, 14> header_{};
  std::array<unsigned char, 4> mask_{};  // turned to the next byte of the payload
  CloseCode code_ = CloseCode::none;
  std::uint8_t header_bytes_ = 0;
  std::uint8_t header_wanted_ = 2;
  State state_ = State::header;
  bool in_message_ = false;
  bool is_text_ = false;
  bool message_given_ = false;  // by the last call
};

}  // namespace carillon::net
