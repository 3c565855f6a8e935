#pragma once

#include "net/src/asio.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace carillon::net {

/// A part of a text that many sessions share (frame_encoder.hpp).
struct SharedBytes {
  const std::string* arena = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] std::size_t size() const noexcept { return end - begin; }
};

/// The bytes that a session has not been sent yet, and the only writer of its
/// socket.
///
/// Role      One per session, which owns it.
/// Threads   The session's shard only.
/// Order     Bytes leave in the order of append() and lend().
/// Bound     The session's: bytes() says how much is queued.
/// Progress  write() never blocks: the socket is non-blocking. Memory is held
///           only while own bytes are queued; lent bytes cost nothing.
/// Invariant What is queued is whole frames but for the rest of the first one,
///           because append() and lend() take whole frames only. Lent bytes are
///           the whole queue or absent: whatever comes behind them, and whatever
///           write() leaves of them, is copied.
class SessionBacklog {
 public:
  enum class WriteOutcome : std::uint8_t { drained, blocked, failed };

  explicit SessionBacklog(tcp::socket socket);

  [[nodiscard]] tcp::socket& socket() noexcept { return socket_; }
  [[nodiscard]] std::size_t bytes() const noexcept {
    const auto own = own_ == nullptr ? 0 : own_->bytes.size() - own_->sent;
    return own + (lent_end_ - lent_begin_);
  }

  /// Copies.
  void append(std::string_view whole_frames);
  /// Borrows, until the next write() or discard(), unless something is queued.
  void lend(const SharedBytes& whole_frames);

  /// Tries one write of all that is queued. Afterwards nothing is borrowed.
  /// `blocked`: wait until the socket is writable and call it again.
  [[nodiscard]] WriteOutcome write();
  /// Forgets what is queued; the socket stays as it is.
  void discard() noexcept;

 private:
  struct Own {
    std::string bytes;
    std::size_t sent = 0;  // of them
  };

  void keep_lent();

  tcp::socket socket_;
  std::unique_ptr<Own> own_;  // null: nothing of its own is queued
  const std::string* arena_ = nullptr;
  std::size_t lent_begin_ = 0;
  std::size_t lent_end_ = 0;
};

}  // namespace carillon::net
