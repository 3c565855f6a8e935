#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace carillon::net {

/// Decides when the next flush is due, so that under load more events leave in one
/// write of a session.
///
/// A flush of many sessions that had several events each shows that events come
/// faster than flushes. Another one at once would carry what came during the
/// last one only; a pause as long as that doubles what each write carries, for the
/// price of one (decisions/0006). Nobody waits where there is nothing to gain: behind a
/// flush of single events, of few sessions, or of so many bytes that copying them
/// is the cost.
///
/// Role      One per SessionHost.
/// Threads   The hub's shard only.
/// Bound     A pause is at most as long as the flush before it, and `pause_max`.
class FlushPacer {
 public:
  using Clock = std::chrono::steady_clock;
  struct Flush {
    Clock::time_point begun;
    Clock::time_point ended;
    std::size_t sessions = 0;
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
  };

  static constexpr std::size_t sessions_min = 64;  // a flush of fewer takes some 0.2 ms
  static constexpr std::uint64_t bytes_per_session_max = std::uint64_t{32} * 1024;

  explicit FlushPacer(Clock::duration pause_max) noexcept : pause_max_{pause_max} {}

  void flushed(const Flush& flush) noexcept {
    due_ = flush.ended;
    if (flush.sessions < sessions_min || flush.frames < 2 * flush.sessions ||
        flush.bytes > bytes_per_session_max * flush.sessions)
      return;
    due_ += std::min(flush.ended - flush.begun, pause_max_);
  }
  /// The next flush should not begin earlier.
  [[nodiscard]] Clock::time_point due() const noexcept { return due_; }

 private:
  const Clock::duration pause_max_;
  Clock::time_point due_{};
};

}  // namespace carillon::net
