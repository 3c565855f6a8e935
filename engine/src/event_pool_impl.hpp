#pragma once

#include "carillon/engine/event.hpp"
#include "engine/src/block_rack.hpp"

#include <concurrentqueue.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace carillon::engine::detail {

/// The blocks behind EventPool: slabs, cut into blocks, that travel in magazines.
///
/// Role      One per EventPool.
/// Threads   allocate, release, exchanges, figures: any thread.
/// Order     None.
/// Bound     A slot and a BlockCache keep at most two magazines of a size; what is
///           above moves to the shared queues. Slabs are never given back before
///           destruction.
/// Progress  Never blocks: slots are taken by try-lock, a taken one is skipped
///           (twice), then the shared queue or a new slab serves.
/// Lifetime  Destroyed when no block is in use and no BlockCache is left.
///
/// Invariant: a free block is in exactly one magazine, and a magazine in exactly
/// one place: a rack, a shared queue, or the hands of the thread that moves it.
/// The slot's flag (P1) guards its racks; magazines change hands through the
/// queues, whose release and acquire hand over their contents.
class EventPoolImpl {
 public:
  struct Block {
    void* memory = nullptr;
    std::uint32_t bytes = 0;
    std::uint8_t size_class = 0;
  };
  // An event of 200 bytes of payload with its ids and JSON lies around 900.
  static constexpr std::array<std::uint32_t, 5> class_bytes{512, 1024, 2048, 4096, 8192};
  static constexpr std::uint8_t unpooled = 255;

  EventPoolImpl() = default;
  ~EventPoolImpl();
  EventPoolImpl(const EventPoolImpl&) = delete;
  EventPoolImpl& operator=(const EventPoolImpl&) = delete;

  [[nodiscard]] Block allocate(std::size_t bytes);
  void release(void* memory, std::uint8_t size_class, std::uint32_t bytes) noexcept;

  /// The class that holds `bytes`, or `unpooled`.
  [[nodiscard]] static std::uint8_t class_of(std::size_t bytes) noexcept;
  /// A block of its own for a size beyond the classes.
  [[nodiscard]] Block allocate_unpooled(std::size_t bytes);
  /// Gives an empty magazine (or none) for one with blocks in it.
  [[nodiscard]] Magazine* exchange_for_full(Magazine* empty, std::size_t size_class);
  /// Gives a full magazine (or none) for an empty one; null if there is no memory.
  [[nodiscard]] Magazine* exchange_for_empty(Magazine* full, std::size_t size_class) noexcept;
  /// Takes back what a rack holds.
  void return_rack(BlockRack& rack, std::size_t size_class) noexcept;
  void count_in_use(std::int64_t bytes) noexcept;

  [[nodiscard]] std::size_t bytes_in_use_approx() const noexcept;
  [[nodiscard]] std::uint64_t blocks_allocated_approx() const noexcept;

 private:
  static constexpr std::size_t slots_count = 16;
  static constexpr std::size_t alignment = 64;
  static constexpr std::size_t spare_magazines = 16;  // of eight racks, two each

  struct Slab {
    Slab* next = nullptr;
  };
  // One line apart from its neighbours: its flag is written by every user.
  struct alignas(alignment) Slot {
    std::atomic<bool> taken{false};
    std::array<BlockRack, class_bytes.size()> racks;
    std::atomic<std::int64_t> bytes_in_use{0};  // may be negative: freed elsewhere
  };

  [[nodiscard]] Slot* take_slot() noexcept;
  void give_slot(Slot& slot, std::int64_t bytes_in_use) noexcept;
  [[nodiscard]] Magazine* new_magazine() noexcept;
  void fill_from_slab(Magazine& magazine, std::size_t size_class);

  std::array<Slot, slots_count> slots_;
  std::array<moodycamel::ConcurrentQueue<Magazine*>, class_bytes.size()> full_;
  moodycamel::ConcurrentQueue<Magazine*> empty_;
  std::atomic<Slab*> slabs_{nullptr};
  std::atomic<Magazine*> magazines_{nullptr};  // all that were ever made
  std::atomic<std::int64_t> bytes_in_use_elsewhere_{0};
  std::atomic<std::uint64_t> blocks_allocated_{0};
};

/// Blocks at hand for one thread at a time: what a builder, a parser or a shard
/// takes and frees without an atomic operation.
///
/// Role      One per owner that makes or frees many events.
/// Threads   One at a time.
/// Bound     Two magazines a size.
/// Progress  Exchanges a magazine with the pool once in Magazine::blocks_max blocks.
/// Lifetime  Within its pool's; gives its blocks back at the end.
class BlockCache {
 public:
  explicit BlockCache(EventPoolImpl& pool) noexcept : pool_{pool} {}
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  [[nodiscard]] EventPoolImpl::Block allocate(std::size_t bytes);
  void release(void* memory, std::uint8_t size_class, std::uint32_t bytes) noexcept;
  /// Adds what was taken and freed since the last call to the pool's figure.
  void settle_figures() noexcept;

 private:
  EventPoolImpl& pool_;
  std::array<BlockRack, EventPoolImpl::class_bytes.size()> racks_;
  std::int64_t bytes_in_use_ = 0;  // not yet in the pool's figure
};

}  // namespace carillon::engine::detail
