#pragma once

#include "carillon/engine/overflow.hpp"
#include "carillon/engine/received.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace carillon::engine::detail {

/// Events of one subscription that wait for its consumer, under its policy.
///
/// Role      Two in each HandOver and in each BatchSink: one is filled while the
///           other, which was taken whole, is used up.
/// Threads   One at a time; whose it is, is the HandOver's business. Between the
///           first pop() and the next clear() nothing is put (asserted).
/// Order     That of put(); what is superseded leaves its place, gaps stand where
///           the skipped events would have stood.
/// Bound     options.bytes_max of bytes_of() of what waits; an event that is larger
///           passes alone. Gaps are bounded by the events: two never adjoin.
/// Progress  put is O(1) apart from the growth of its tables, which are kept.
/// Lifetime  The options outlive it.
/// Invariant Slots from oldest_ to newest_ ascend in position; `index_` holds exactly
///           the events that wait, each once, if the policy is `latest`.
class OverflowBuffer {
 public:
  /// What an event costs beside its own memory: its slot, that of a gap behind it, and
  /// its part of the index at half load.
  static constexpr std::size_t item_overhead_bytes = std::size_t{2} * 64 + std::size_t{2} * 8;

  explicit OverflowBuffer(const QueueOptions& options) : options_{&options} {}

  /// Takes `event`, or skips it into a gap, as the policy says. `before` is the
  /// subscription's position before it. False: the policy is `close` and there
  /// is no room; the event was not taken.
  [[nodiscard]] bool put(const Event& event, const Position& at, const Position& before);
  /// Nothing is put after it.
  void end(const End& end) noexcept { end_ = end; }

  /// The next one in order; nothing behind the last.
  [[nodiscard]] Received pop();
  /// Whether pop() would answer nothing.
  [[nodiscard]] bool empty() const noexcept { return oldest_ == none && !end_; }
  /// Drops what is left, keeps the memory.
  void clear() noexcept;

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] static std::size_t bytes_of(const Event& event) noexcept {
    return event.footprint_bytes() + item_overhead_bytes;
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  struct Slot {
    EventRef event{};         // null: a gap
    Position position{};      // of the event; of the last one skipped
    Position from{};          // of a gap
    std::uint64_t count = 0;  // events skipped; events superseded
    std::uint32_t older = none;
    std::uint32_t newer = none;
  };
  static_assert(sizeof(Slot) <= 64);
  struct IndexEntry {
    std::uint32_t slot = none;
    std::uint32_t generation = 0;  // valid if it is the buffer's: clearing touches none
  };

  [[nodiscard]] bool fits(std::size_t bytes, std::size_t leaving = 0) const noexcept {
    return bytes_ == leaving || bytes_ - leaving + bytes <= options_->bytes_max;
  }
  void put_latest(const Event& event, const Position& at, const Position& before);
  void skip(const Position& at, const Position& before);
  std::uint32_t append(Slot slot);
  void remove(std::uint32_t number) noexcept;
  void unlink(std::uint32_t number) noexcept;
  /// The entry of the event with this key, or the free one where it belongs.
  [[nodiscard]] IndexEntry& entry_of(const Event& event);
  void grow_index();

  const QueueOptions* options_;
  std::vector<Slot> slots_;
  std::uint32_t oldest_ = none;
  std::uint32_t newest_ = none;
  std::uint32_t unused_ = none;  // slots without a place, linked by `newer`
  std::size_t bytes_ = 0;
  bool popped_ = false;  // since the last clear()
  std::optional<End> end_;

  // Open addressing with linear probing; within a generation nothing is erased,
  // because what is superseded hands its entry to what follows.
  std::vector<IndexEntry> index_;
  std::size_t indexed_ = 0;
  std::uint32_t generation_ = 1;
};

}  // namespace carillon::engine::detail
