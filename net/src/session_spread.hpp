#pragma once

#include "carillon/engine/ids.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace carillon::net {

/// One session's share in its user's count; gives it back when it is destroyed.
/// Move-only; any thread, one at a time.
class SessionShare {
 public:
  SessionShare() noexcept = default;
  explicit SessionShare(std::shared_ptr<std::atomic<std::uint32_t>> count) noexcept
      : count_{std::move(count)} {}
  SessionShare(SessionShare&&) noexcept = default;
  SessionShare& operator=(SessionShare&& other) noexcept {
    std::swap(count_, other.count_);
    return *this;
  }
  SessionShare(const SessionShare&) = delete;
  SessionShare& operator=(const SessionShare&) = delete;
  ~SessionShare() {
    // S2 relaxed: as S1.
    if (count_ != nullptr) count_->fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  std::shared_ptr<std::atomic<std::uint32_t>> count_;
};

/// Says which shard serves a new session: its user's, until that one has
/// `home_sessions_max` of the user; further ones are dealt out to all shards, where
/// they are guests (engine: SubscribeOptions::shard).
///
/// Role      One per server, asked once per session.
/// Threads   place(): any. A SessionShare may end on any thread, also after this.
/// Order     None: two sessions that come at once may count each other or not.
/// Bound     16 KiB whatever comes. Users are counted by a hash of 12 bits, so that
///           one user's sessions may make another's guests: they are served as well, for
///           one hand-over per event and shard.
/// Progress  Wait-free but for the first allocation.
/// Lifetime  Shares keep the counts alive.
/// Invariant A count is the number of living shares of its users, because only
///           place() adds one and only the share's end takes it away.
class SessionSpread {
 public:
  struct Place {
    engine::ShardIndex shard = 0;
    SessionShare share;
  };

  /// 0 for `home_sessions_max`: every session stays on its user's shard.
  SessionSpread(engine::ShardIndex shards, std::uint32_t home_sessions_max);

  [[nodiscard]] Place place(const engine::UserId& user, engine::ShardIndex home);

 private:
  static constexpr std::size_t counts_size = 4'096;
  using Counts = std::array<std::atomic<std::uint32_t>, counts_size>;

  const engine::ShardIndex shards_;
  const std::uint32_t home_sessions_max_;
  const std::shared_ptr<Counts> counts_;
};

}  // namespace carillon::net
