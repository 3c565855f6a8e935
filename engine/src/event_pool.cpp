#include "carillon/engine/event_pool.hpp"

#include "engine/src/event_pool_impl.hpp"

#include <pthread.h>

#include <algorithm>
#include <new>

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
  for (auto* slab = slabs_.load(std::memory_order_acquire); slab != nullptr;) {
    auto* next = slab->next;
    ::operator delete (slab, std::align_val_t{alignment});
    slab = next;
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
    // P1 acquire: pairs with the release in the users of take_slot, so that
    // the lists written under the flag are seen.
    if (!slot.taken.exchange(true, std::memory_order_acquire)) return &slot;
  }
  return nullptr;
}

EventPoolImpl::Block EventPoolImpl::allocate(std::size_t bytes) {
  const auto fits = std::find_if(class_bytes.begin(), class_bytes.end(),
                                 [bytes](std::uint32_t size) { return bytes <= size; });
  if (!pooled || fits == class_bytes.end()) {
    const auto rounded = (bytes + alignment - 1) / alignment * alignment;
    blocks_allocated_.fetch_add(1, std::memory_order_relaxed);  // P2 relaxed: a figure
    count_in_use(nullptr, static_cast<std::int64_t>(rounded));
    return {.memory = ::operator new (rounded, std::align_val_t{alignment}),
            .bytes = static_cast<std::uint32_t>(rounded),
            .size_class = unpooled};
  }
  const auto size_class = static_cast<std::size_t>(fits - class_bytes.begin());
  Slot* slot = take_slot();
  Chain scarce;
  auto& chain = slot != nullptr ? slot->free[size_class] : scarce;
  if (chain.head == nullptr) refill(chain, size_class);
  void* memory = pop(chain);
  count_in_use(slot, *fits);
  if (slot != nullptr) {
    slot->taken.store(false, std::memory_order_release);  // P1
  } else if (scarce.head != nullptr) {
    shared_[size_class].enqueue(scarce);
  }
  return {.memory = memory, .bytes = *fits, .size_class = static_cast<std::uint8_t>(size_class)};
}

void EventPoolImpl::release(void* memory, std::uint8_t size_class, std::uint32_t bytes) noexcept {
  if (size_class == unpooled) {
    count_in_use(nullptr, -static_cast<std::int64_t>(bytes));
    ::operator delete (memory, std::align_val_t{alignment});
    return;
  }
  auto* block = new (memory) FreeBlock;
  Slot* slot = take_slot();
  count_in_use(slot, -static_cast<std::int64_t>(bytes));
  if (slot == nullptr) {
    shared_[size_class].enqueue(Chain{.head = block, .count = 1});
    return;
  }
  auto& chain = slot->free[size_class];
  push(chain, block);
  Chain surplus;
  if (chain.count >= 2 * chain_blocks) surplus = split(chain);
  slot->taken.store(false, std::memory_order_release);  // P1
  if (surplus.head != nullptr) shared_[size_class].enqueue(surplus);
}

void EventPoolImpl::refill(Chain& chain, std::size_t size_class) {
  if (!shared_[size_class].try_dequeue(chain)) chain = new_slab(size_class);
}

EventPoolImpl::Chain EventPoolImpl::new_slab(std::size_t size_class) {
  const std::size_t block_bytes = class_bytes[size_class];
  auto* memory = static_cast<char*>(
      ::operator new (alignment + slab_blocks * block_bytes, std::align_val_t{alignment}));
  auto* slab = new (memory) Slab;
  slab->next = slabs_.load(std::memory_order_relaxed);
  // P3 release: pairs with the acquire in the destructor. Slabs are only ever
  // added while the pool is in use, so there is no ABA.
  while (!slabs_.compare_exchange_weak(slab->next, slab, std::memory_order_release,
                                       std::memory_order_relaxed)) {
  }
  blocks_allocated_.fetch_add(slab_blocks, std::memory_order_relaxed);  // P2
  Chain chain;
  for (std::size_t i = slab_blocks; i-- > 0;)
    push(chain, new (memory + alignment + i * block_bytes) FreeBlock);
  return chain;
}

void EventPoolImpl::push(Chain& chain, FreeBlock* block) noexcept {
  block->next = chain.head;
  chain.head = block;
  ++chain.count;
}

EventPoolImpl::FreeBlock* EventPoolImpl::pop(Chain& chain) noexcept {
  auto* block = chain.head;
  chain.head = block->next;
  --chain.count;
  return block;
}

EventPoolImpl::Chain EventPoolImpl::split(Chain& chain) noexcept {
  Chain half{.head = chain.head, .count = chain_blocks};
  auto* last = chain.head;
  for (std::size_t i = 1; i < chain_blocks; ++i)
    last = last->next;
  chain.head = last->next;
  chain.count -= chain_blocks;
  last->next = nullptr;
  return half;
}

void EventPoolImpl::count_in_use(Slot* slot, std::int64_t bytes) noexcept {
  // P4 relaxed: figures. The slot's own is written under its flag, so a plain
  // load and store do.
  if (slot == nullptr) {
    bytes_in_use_elsewhere_.fetch_add(bytes, std::memory_order_relaxed);
  } else {
    slot->bytes_in_use.store(slot->bytes_in_use.load(std::memory_order_relaxed) + bytes,
                             std::memory_order_relaxed);
  }
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
