#include "net/src/rate_table.hpp"

namespace carillon::net {
namespace {

constexpr unsigned time_bits = 46;
constexpr std::uint64_t time_mask = (std::uint64_t{1} << time_bits) - 1;

BucketTicks full_at_of(std::uint64_t word) noexcept {
  return BucketTicks{static_cast<std::int64_t>(word & time_mask)};
}

std::uint64_t word_of(std::uint64_t tag, BucketTicks full_at) noexcept {
  const auto ticks = std::min(static_cast<std::uint64_t>(full_at.count()), time_mask);
  return (tag << time_bits) | ticks;
}

}  // namespace

RateTable::Taken RateTable::take(std::uint64_t hash,
                                 BucketTicks now,
                                 std::uint64_t tokens,
                                 const BucketRate& rate) noexcept {
  auto& words = sets_[hash & ((std::size_t{1} << set_bits) - 1)].words;
  const auto tag = hash >> time_bits;
  for (;;) {
    std::atomic<std::uint64_t>* place = nullptr;
    std::uint64_t seen = 0;
    BucketTicks full_at{0};
    for (auto& word : words) {
      // R1 relaxed: a word stands for itself; it publishes nothing.
      const auto value = word.load(std::memory_order_relaxed);
      const bool own = (value >> time_bits) == tag;
      if (!own && (place != nullptr || full_at_of(value) > now)) continue;
      place = &word;
      seen = value;
      full_at = own ? full_at_of(value) : BucketTicks{0};
      if (own) break;
    }
    if (place == nullptr) return {.untracked = true};
    const auto decision = take_tokens(full_at, now, tokens, rate);
    if (!decision.admitted()) return {.wait = decision.wait};
    // R2 relaxed: as R1. If it fails, another thread took of this set.
    if (place->compare_exchange_strong(seen, word_of(tag, decision.full_at),
                                       std::memory_order_relaxed))
      return {};
  }
}

}  // namespace carillon::net
