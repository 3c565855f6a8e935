#include "net/src/session_spread.hpp"

#include <cstring>

namespace carillon::net {
namespace {

// Users choose their UUIDs, so all of its bits count.
std::size_t mix(const engine::UserId& user) {
  std::array<std::uint64_t, 2> halves{};
  static_assert(sizeof(halves) == sizeof(user.bytes));
  std::memcpy(halves.data(), user.bytes.data(), sizeof(halves));
  auto mixed = halves[0] + halves[1] * 0x9E3779B97F4A7C15ULL;
  // A product carries upwards only, so the high bits are folded down before and after.
  mixed = (mixed ^ (mixed >> 32U)) * 0xBF58476D1CE4E5B9ULL;
  return mixed ^ (mixed >> 32U);
}

}  // namespace

SessionSpread::SessionSpread(engine::ShardIndex shards, std::uint32_t home_sessions_max)
    : shards_{shards},
      home_sessions_max_{home_sessions_max},
      counts_{shards > 1 && home_sessions_max > 0 ? std::make_shared<Counts>() : nullptr} {
}

SessionSpread::Place SessionSpread::place(const engine::UserId& user, engine::ShardIndex home) {
  if (counts_ == nullptr) return {.shard = home, .share = {}};
  auto& count = (*counts_)[mix(user) % counts_size];
  // S1 relaxed: a figure to decide by; it publishes nothing.
  const auto before = count.fetch_add(1, std::memory_order_relaxed);
  return {.shard = before < home_sessions_max_ ? home : (home + before) % shards_,
          .share = SessionShare{{counts_, &count}}};
}

}  // namespace carillon::net
