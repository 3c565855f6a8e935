#pragma once

#include "carillon/engine/event.hpp"

#include <concurrentqueue.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace carillon::engine::detail {

/// The block caches behind EventPool.
///
/// Role      One per EventPool.
/// Threads   allocate, release, figures: any thread.
/// Order     None.
/// Bound     A slot keeps at most 2 x chain_blocks free blocks of a size; what
///           is above moves to the shared queues in chains. Slabs are never
///           given back before destruction.
/// Progress  Never blocks: slots are taken by try-lock, a taken one is skipped
///           (twice), then the shared queue or a new slab serves.
/// Lifetime  Destroyed when no block is in use.
///
/// Invariant: a free block is in exactly one place: a slot's list, a chain in a
/// shared queue, or in the hands of the thread that moves it. The slot's flag
/// (P1) guards its lists; chains change hands through the queue.
class EventPoolImpl {
 public:
  struct Block {
    void* memory = nullptr;
    std::uint32_t bytes = 0;
    std::uint8_t size_class = 0;
  };

  EventPoolImpl() = default;
  ~EventPoolImpl();
  EventPoolImpl(const EventPoolImpl&) = delete;
  EventPoolImpl& operator=(const EventPoolImpl&) = delete;

  [[nodiscard]] Block allocate(std::size_t bytes);
  void release(void* memory, std::uint8_t size_class, std::uint32_t bytes) noexcept;

  [[nodiscard]] std::size_t bytes_in_use_approx() const noexcept;
  [[nodiscard]] std::uint64_t blocks_allocated_approx() const noexcept;

 private:
  // An event of 200 bytes of payload with its ids and JSON lies around 900.
  static constexpr std::array<std::uint32_t, 5> class_bytes{512, 1024, 2048, 4096, 8192};
  static constexpr std::uint8_t unpooled = 255;
  static constexpr std::size_t slots_count = 16;
  static constexpr std::size_t chain_blocks = 64;
  static constexpr std::size_t slab_blocks = 32;
  static constexpr std::size_t alignment = 64;

  struct FreeBlock {
    FreeBlock* next = nullptr;
  };
  struct Chain {
    FreeBlock* head = nullptr;
    std::size_t count = 0;
  };
  struct Slab {
    Slab* next = nullptr;
  };
  // One line apart from its neighbours: its flag is written by every user.
  struct alignas(alignment) Slot {
    std::atomic<bool> taken{false};
    std::array<Chain, class_bytes.size()> free;
    std::atomic<std::int64_t> bytes_in_use{0};  // may be negative: freed elsewhere
  };

  [[nodiscard]] Slot* take_slot() noexcept;
  void refill(Chain& chain, std::size_t size_class);
  [[nodiscard]] Chain new_slab(std::size_t size_class);
  static void push(Chain& chain, FreeBlock* block) noexcept;
  [[nodiscard]] static FreeBlock* pop(Chain& chain) noexcept;
  [[nodiscard]] static Chain split(Chain& chain) noexcept;
  void count_in_use(Slot* slot, std::int64_t bytes) noexcept;

  std::array<Slot, slots_count> slots_;
  std::array<moodycamel::ConcurrentQueue<Chain>, class_bytes.size()> shared_;
  std::atomic<Slab*> slabs_{nullptr};
  std::atomic<std::int64_t> bytes_in_use_elsewhere_{0};
  std::atomic<std::uint64_t> blocks_allocated_{0};
};

}  // namespace carillon::engine::detail
