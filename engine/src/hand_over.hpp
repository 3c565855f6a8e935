#pragma once

#include "engine/src/overflow_buffer.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace carillon::engine::detail {

/// Passes batches from a shard to one consumer on another thread.
///
/// Role      One per pull or coroutine subscription.
/// Threads   open, publish: the shard's. take, give_back, park, unpark: the
///           consumer's, one thread at a time. Construction, destruction: no other
///           call in flight.
/// Order     Batches in the order of their publish.
/// Bound     Two buffers: what waits, which the policy bounds, and what the
///           consumer took.
/// Progress  Every call is wait-free: one read-modify-write or two, no loop. Neither
///           side ever waits for the other; a consumer that comes while the shard is
///           between open and publish finds nothing, parks, and is woken.
/// Wake-up   publish says whether the consumer is parked; then its caller wakes it.
///           That un-parks: one wake per park at most.
/// Lifetime  The options outlive it.
///
/// Invariant: each buffer has one owner, and of the two the word names at most one.
///   The shard takes back what it published last (H1) and fills it further. If that
///   fails, the consumer took it (H4), and before it took that it had emptied the
///   other one, which is therefore the shard's to fill; H1's failure reads what H4
///   or a later read-modify-write of the consumer stored, so the emptying is seen.
/// Invariant: no consumer stays parked beside a published batch. It parks only by a
///   compare-exchange from `empty` (H5); every publish is an exchange (H2), and the
///   one that finds `parked` reports it.
class HandOver {
 public:
  explicit HandOver(const QueueOptions& options)
      : buffers_{OverflowBuffer{options}, OverflowBuffer{options}} {}
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;

  /// The shard: what the consumer has not taken yet, else an empty buffer. Its own
  /// until publish.
  [[nodiscard]] OverflowBuffer& open() noexcept {
    auto expected = word_of(filled_);
    // H1 acquire: pairs with H4, H5 and H6, whether it succeeds or not: the consumer's
    // use of a buffer ends before the shard fills it. (Success reads the shard's own
    // H2 and could be relaxed, if compilers took a failure order above it.)
    if (!word_.compare_exchange_strong(expected, Word::empty, std::memory_order_acquire))
      filled_ ^= 1U;
    return buffers_[filled_];
  }
  /// The shard: hands over what open() gave. True if the consumer waits to be woken.
  [[nodiscard]] bool publish() noexcept {
    // H2 acq_rel: release publishes the buffer to H4; acquire makes seen what the
    // consumer left for its waker before it parked (H5).
    return word_.exchange(word_of(filled_), std::memory_order_acq_rel) == Word::parked;
  }

  /// The consumer, holding none: what was published, whole, or null.
  [[nodiscard]] OverflowBuffer* take() noexcept {
    // H3 relaxed: a hint that spares the exchange; H4 decides.
    const auto seen = word_.load(std::memory_order_relaxed);
    if (seen == Word::empty || seen == Word::parked) return nullptr;
    // H4 acq_rel: acquire pairs with H2; release hands the other buffer, emptied,
    // back to H1. The word may have become empty since H3: the shard fills further.
    const auto taken = word_.exchange(Word::empty, std::memory_order_acq_rel);
    return taken == Word::empty ? nullptr : &buffers_[index_of(taken)];
  }
  /// The consumer: to be called when it used up what it took, before the next take.
  static void give_back(OverflowBuffer& used) noexcept { used.clear(); }

  /// The consumer: false if something was published, which take() may find. True:
  /// the publish that follows reports it, unless unpark() comes before.
  [[nodiscard]] bool park() noexcept {
    auto expected = Word::empty;
    // H5 release: publishes what the consumer left for its waker, and its buffers
    // (H1); pairs with H2. Relaxed on failure: take() looks again.
    return word_.compare_exchange_strong(expected, Word::parked, std::memory_order_release,
                                         std::memory_order_relaxed) ||
           expected == Word::parked;
  }
  /// The consumer: true if it is not parked any more and no wake follows; false if a
  /// publish found it parked, whose wake follows.
  bool unpark() noexcept {
    auto expected = Word::parked;
    // H6 release: as H5, for H1; relaxed on failure: take() looks again.
    return word_.compare_exchange_strong(expected, Word::empty, std::memory_order_release,
                                         std::memory_order_relaxed);
  }

 private:
  enum class Word : std::uint32_t { empty, parked, first, second };

  static constexpr Word word_of(std::size_t index) noexcept {
    return index == 0 ? Word::first : Word::second;
  }
  static constexpr std::size_t index_of(Word word) noexcept { return word == Word::first ? 0 : 1; }

  std::array<OverflowBuffer, 2> buffers_;
  // The shard's own: which of the two it fills or published last.
  std::size_t filled_ = 0;
  // Both write it: apart from what one of them reads per event.
  alignas(64) std::atomic<Word> word_{Word::empty};
};

}  // namespace carillon::engine::detail
