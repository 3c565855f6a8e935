#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/sink.hpp"
#include "net/src/session_backlog.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::net {

/// How events look on a stream.
enum class FrameFormat : std::uint8_t {
  websocket_plain,  ///< a text frame: the event with its `cursor` as a member
  websocket_v1,     ///< a text frame: `{"type":"event","cursor":…,"event":…}`
  sse,              ///< `id: <cursor>`, `data: <event>`
};
inline constexpr std::size_t frame_format_count = 3;

/// Appends one unmasked, unfragmented text frame (RFC 6455, section 5.2).
void append_text_frame(std::string& out, std::string_view payload);

/// Encodes each delivery once per format and turn; all sessions of the shard
/// that get it share the bytes.
///
/// Role      One per hub.
/// Threads   The hub's shard only.
/// Bound     `full()` says when its texts have grown so large that the sessions
///           should be flushed and the encoder reset in mid-turn.
/// Lifetime  What encode() returns is valid until reset(): sessions that borrow
///           it write or copy it before.
class FrameEncoder {
 public:
  /// Above this much of shared text the hub flushes within a turn.
  static constexpr std::size_t shared_bytes_max = std::size_t{4} << 20U;

  explicit FrameEncoder(engine::Epoch epoch) : epoch_{epoch} {}

  [[nodiscard]] bool in_turn(std::uint64_t turn) const noexcept { return turn_ == turn; }
  /// Slots mean other deliveries from here on; what was encoded stays valid.
  void begin_turn(std::uint64_t turn);

  [[nodiscard]] SharedBytes encode(FrameFormat format, const engine::Delivery& delivery);
  [[nodiscard]] bool full() const noexcept { return bytes_ >= shared_bytes_max; }
  /// Forgets every encoded frame. No session may borrow from it any more.
  void reset();

 private:
  struct Known {
    std::uint64_t generation = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  struct PerFormat {
    std::string text;
    std::vector<Known> by_slot;  // slots are small: they count up within a turn
  };

  engine::Epoch epoch_;
  std::uint64_t turn_ = 0;
  std::uint64_t generation_ = 1;  // what is known is valid if it has this one
  std::size_t bytes_ = 0;         // of all texts
  std::array<PerFormat, frame_format_count> formats_;
};

}  // namespace carillon::net
