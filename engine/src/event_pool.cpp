#include "carillon/engine/event_pool.hpp"

#include "engine/src/event_pool_impl.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

namespace carillon::engine {
namespace detail {
namespace {

// Under the address sanitizer each event is an allocation of its own, so that
// a use after free is seen.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool pooled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool pooled = false;
#else
constexpr bool pooled = true;
#endif
#else
constexpr bool pooled = true;
#endif

}  // namespace

EventPoolImpl::~EventPoolImpl() {
  for (auto* slab = slabs_.load(std::memory_order_acquire); slab != nullptr;) {  // P3
    auto* next = slab->next;
    ::operator delete (slab, std::align_val_t{alignment});
    slab = next;
  }
  for (auto* magazine = magazines_.load(std::memory_order_acquire); magazine != nullptr;) {  // P3
    auto* next = magazine->next_made;
    delete magazine;
    magazine = next;
  }
}

EventPoolImpl::Slot* EventPoolImpl::take_slot() noexcept {
  // Threads start at their own slot; pthread_self is an address, its low bits
  // are alike for all threads.
  const auto home = static_cast<std::size_t>(
      (static_cast<std::uint64_t>(pthread_self()) * 0x9E3779B97F4A7C15ULL) >> 60U);
  static_assert(slots_count == 16, "the shift above gives four bits");
  for (std::size_t attempt = 0; attempt < 3; ++attempt) {
    auto& slot = slots_[(home + attempt) % slots_count];
    // P1 acquire: pairs with the release in give_slot, so that the racks written
    // under the flag are seen.
    if (!slot.taken.exchange(true, std::memory_order_acquire)) return &slot;
  }
  return nullptr;
}

void EventPoolImpl::give_slot(Slot& slot, std::int64_t bytes_in_use) noexcept {
  // P4 relaxed: a figure, written under the slot's flag, so no read-modify-write.
  slot.bytes_in_use.store(slot.bytes_in_use.load(std::memory_order_relaxed) + bytes_in_use,
                          std::memory_order_relaxed);
  slot.taken.store(false, std::memory_order_release);  // P1
}

std::uint8_t EventPoolImpl::class_of(std::size_t bytes) noexcept {
  if (!pooled) return unpooled;
  const auto* fits = std::find_if(class_bytes.begin(), class_bytes.end(),
                                  [bytes](std::uint32_t size) { return bytes <= size; });
  return fits == class_bytes.end() ? unpooled
                                   : static_cast<std::uint8_t>(fits - class_bytes.begin());
}

EventPoolImpl::Block EventPoolImpl::allocate_unpooled(std::size_t bytes) {
  const auto rounded = (bytes + alignment - 1) / alignment * alignment;
  blocks_allocated_.fetch_add(1, std::memory_order_relaxed);  // P2 relaxed: a figure
  count_in_use(static_cast<std::int64_t>(rounded));
  return {.memory = ::operator new (rounded, std::align_val_t{alignment}),
          .bytes = static_cast<std::uint32_t>(rounded),
          .size_class = unpooled};
}

EventPoolImpl::Block EventPoolImpl::allocate(std::size_t bytes) {
  const auto size_class = class_of(bytes);
  if (size_class == unpooled) return allocate_unpooled(bytes);
  Block block{.bytes = class_bytes[size_class], .size_class = size_class};
  if (auto* slot = take_slot()) {
    auto& rack = slot->racks[size_class];
    block.memory = rack.take(bytes);
    if (block.memory == nullptr) {
      static_cast<void>(rack.load(exchange_for_full(rack.take_spare(), size_class)));
      block.memory = rack.take(bytes);
    }
    give_slot(*slot, block.bytes);
    return block;
  }
  auto* magazine = exchange_for_full(nullptr, size_class);
  block.memory = magazine->blocks[--magazine->count];
  (magazine->count > 0 ? full_[size_class] : empty_).enqueue(magazine);
  count_in_use(block.bytes);
  return block;
}

void EventPoolImpl::release(void* memory, std::uint8_t size_class, std::uint32_t bytes) noexcept {
  if (size_class == unpooled) {
    count_in_use(-static_cast<std::int64_t>(bytes));
    ::operator delete (memory, std::align_val_t{alignment});
    return;
  }
  auto* slot = take_slot();
  if (slot == nullptr) {
    count_in_use(-static_cast<std::int64_t>(bytes));
    auto* magazine = exchange_for_empty(nullptr, size_class);
    if (magazine == nullptr) return;  // its slab is freed with the pool
    magazine->blocks[magazine->count++] = memory;
    full_[size_class].enqueue(magazine);
    return;
  }
  auto& rack = slot->racks[size_class];
  if (!rack.put(memory)) {
    if (auto* magazine = exchange_for_empty(rack.take_spare(), size_class)) {
      static_cast<void>(rack.load(magazine));
      static_cast<void>(rack.put(memory));
    }
  }
  give_slot(*slot, -static_cast<std::int64_t>(bytes));
}

Magazine* EventPoolImpl::new_magazine() noexcept {
  auto* magazine = new (std::nothrow) Magazine;
  if (magazine == nullptr) return nullptr;
  // P3 release: pairs with the acquire in the destructor. Magazines and slabs are
  // only ever added while the pool is in use, so there is no ABA.
  magazine->next_made = magazines_.load(std::memory_order_relaxed);
  while (!magazines_.compare_exchange_weak(magazine->next_made, magazine, std::memory_order_release,
                                           std::memory_order_relaxed)) {
  }
  return magazine;
}

Magazine* EventPoolImpl::exchange_for_full(Magazine* empty, std::size_t size_class) {
  Magazine* full = nullptr;
  if (full_[size_class].try_dequeue(full)) {
    if (empty != nullptr) empty_.enqueue(empty);
    return full;
  }
  if (empty == nullptr) empty = exchange_for_empty(nullptr, size_class);
  if (empty == nullptr) throw std::bad_alloc{};
  fill_from_slab(*empty, size_class);
  return empty;
}

Magazine* EventPoolImpl::exchange_for_empty(Magazine* full, std::size_t size_class) noexcept {
  if (full != nullptr) full_[size_class].enqueue(full);
  Magazine* empty = nullptr;
  return empty_.try_dequeue(empty) ? empty : new_magazine();
}

void EventPoolImpl::return_rack(BlockRack& rack, std::size_t size_class) noexcept {
  for (auto* magazine : {rack.load(nullptr), rack.load(nullptr)}) {
    if (magazine == nullptr) continue;
    (magazine->count > 0 ? full_[size_class] : empty_).enqueue(magazine);
  }
}

void EventPoolImpl::fill_from_slab(Magazine& magazine, std::size_t size_class) {
  const std::size_t block_bytes = class_bytes[size_class];
  auto* memory = static_cast<std::byte*>(
      ::operator new (alignment + Magazine::blocks_max * block_bytes, std::align_val_t{alignment}));
  auto* slab = new (memory) Slab;
  slab->next = slabs_.load(std::memory_order_relaxed);
  while (!slabs_.compare_exchange_weak(slab->next, slab, std::memory_order_release,  // P3
                                       std::memory_order_relaxed)) {
  }
  const auto before = blocks_allocated_.fetch_add(Magazine::blocks_max,
                                                  std::memory_order_relaxed);  // P2
  // A magazine for the new blocks, and for all that racks hold partly filled: whoever
  // frees the last block that is out finds an empty one, however the others are filled.
  const std::size_t magazines = before == 0 ? 1 + spare_magazines : 1;
  for (std::size_t i = 0; i < magazines; ++i)
    if (auto* spare = new_magazine()) empty_.enqueue(spare);
  for (std::size_t i = Magazine::blocks_max; i-- > 0;)
    magazine.blocks[magazine.count++] = memory + alignment + i * block_bytes;
}

void EventPoolImpl::count_in_use(std::int64_t bytes) noexcept {
  bytes_in_use_elsewhere_.fetch_add(bytes, std::memory_order_relaxed);  // P4
}

std::size_t EventPoolImpl::bytes_in_use_approx() const noexcept {
  auto bytes = bytes_in_use_elsewhere_.load(std::memory_order_relaxed);  // P4
  for (const auto& slot : slots_)
    bytes += slot.bytes_in_use.load(std::memory_order_relaxed);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

std::uint64_t EventPoolImpl::blocks_allocated_approx() const noexcept {
  return blocks_allocated_.load(std::memory_order_relaxed);  // P2
}

BlockCache::~BlockCache() {
  settle_figures();
  for (std::size_t size_class = 0; size_class < racks_.size(); ++size_class)
    pool_.return_rack(racks_[size_class], size_class);
}

EventPoolImpl::Block BlockCache::allocate(std::size_t bytes) {
  const auto size_class = EventPoolImpl::class_of(bytes);
  if (size_class == EventPoolImpl::unpooled) return pool_.allocate_unpooled(bytes);
  auto& rack = racks_[size_class];
  auto* memory = rack.take(bytes);
  if (memory == nullptr) {
    static_cast<void>(rack.load(pool_.exchange_for_full(rack.take_spare(), size_class)));
    memory = rack.take(bytes);
    settle_figures();
  }
  const auto block_bytes = EventPoolImpl::class_bytes[size_class];
  bytes_in_use_ += block_bytes;
  return {.memory = memory, .bytes = block_bytes, .size_class = size_class};
}

void BlockCache::release(void* memory, std::uint8_t size_class, std::uint32_t bytes) noexcept {
  if (size_class == EventPoolImpl::unpooled) return pool_.release(memory, size_class, bytes);
  bytes_in_use_ -= bytes;
  auto& rack = racks_[size_class];
  if (rack.put(memory)) return;
  auto* magazine = pool_.exchange_for_empty(rack.take_spare(), size_class);
  if (magazine == nullptr) return;  // its slab is freed with the pool
  static_cast<void>(rack.load(magazine));
  static_cast<void>(rack.put(memory));
}

void BlockCache::settle_figures() noexcept {
  if (bytes_in_use_ != 0) pool_.count_in_use(std::exchange(bytes_in_use_, 0));
}

}  // namespace detail

EventPool::EventPool() : impl_{std::make_unique<detail::EventPoolImpl>()} {
}
EventPool::~EventPool() = default;

std::size_t EventPool::bytes_in_use_approx() const noexcept {
  return impl_->bytes_in_use_approx();
}

std::uint64_t EventPool::blocks_allocated_approx() const noexcept {
  return impl_->blocks_allocated_approx();
}

}  // namespace carillon::engine
