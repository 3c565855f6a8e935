#pragma once

#include "net/src/token_bucket.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace carillon::net {

/// Token buckets by key, in memory that never grows.
///
/// Role      The publish rates of all users of a server, whichever shards their
///           connections are on: exact per server, not a share per shard.
/// Threads   Any.
/// Progress  Lock-free: one cache line is looked at, one word of it exchanged.
/// Bound     1 MiB. A bucket that is full again is no different from none: its
///           place is free for another key. `set_ways` buckets of one line that
///           are all in use leave a further key of that line unlimited (counted).
/// Precision Two keys share a bucket if 32 bits of their hashes agree while both
///           are in use: one pair in a hundred servers with 10,000 busy keys. A
///           key that is new on two threads at once may get a second burst.
///
/// A word is 18 bits of the hash, then 46 bits of BucketTicks: when the bucket is
/// full. That one exchange decides is what keeps an old key's late charge away
/// from the key that took its place.
class RateTable {
 public:
  static constexpr std::size_t set_ways = 8;  // words of a cache line
  static constexpr std::size_t set_bits = 14;

  struct Taken {
    BucketTicks wait{0};     ///< 0: admitted
    bool untracked = false;  ///< admitted because no bucket was free
  };

  RateTable() : sets_(std::size_t{1} << set_bits) {}

  /// `hash`: all of its bits random to whoever chooses keys.
  [[nodiscard]] Taken take(std::uint64_t hash,
                           BucketTicks now,
                           std::uint64_t tokens,
                           const BucketRate& rate) noexcept;

 private:
  struct alignas(64) Set {
    std::array<std::atomic<std::uint64_t>, set_ways> words{};
  };

  std::vector<Set> sets_;
};

}  // namespace carillon::net
