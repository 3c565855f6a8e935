// Question: what does the memory of an event cost, freed by the thread that made it and
// handed over to another one that frees it, and what do slabs and magazines gain there
// over malloc?
// Left out on purpose: everything else of an event. Other sizes: a block is 896 bytes here.
//
// An event is a block that its maker fills and its reader touches as a shard does: it
// reads the first line and writes the last two. On one thread `held` blocks are alive at a
// time; handed over, 1,024 are on their way at most, the maker on the first processor
// (the benchmark's thread), the reader on the second one.
// event_memory takes and frees as builders and shards do, by a BlockCache on each side;
// ..._slots as who has none, by the pool's slots; ..._malloc by malloc and free, without the
// alignment that an event needs; ..._freelist by a list through the blocks, which come back
// to their maker thirty at a time.
// The floor has its blocks already and goes round them.
#include "bench/bench_support.hpp"
#include "bench/pinned.hpp"
#include "engine/src/event_pool_impl.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace {

using carillon::engine::detail::BlockCache;
using carillon::engine::detail::EventPoolImpl;
using carillon::engine::detail::Magazine;

constexpr std::size_t block_bytes = 896;
constexpr std::size_t in_flight_max = 1024;

/// The pool with the caches of a builder and of a shard, which lie apart as theirs do.
struct CachedBlocks {
  EventPoolImpl pool;
  alignas(64) BlockCache makers{pool};
  alignas(64) BlockCache readers{pool};
  const std::uint8_t size_class = EventPoolImpl::class_of(block_bytes);

  void* take() { return makers.allocate(block_bytes).memory; }
  void give(void* block) {
    readers.release(block, size_class, EventPoolImpl::class_bytes[size_class]);
  }
};

/// The pool with the cache of who drops its events itself.
struct OneCache : CachedBlocks {
  void give(void* block) {
    makers.release(block, size_class, EventPoolImpl::class_bytes[size_class]);
  }
};

/// The pool as whoever has no cache uses it.
struct SlotBlocks {
  EventPoolImpl pool;
  const std::uint8_t size_class = EventPoolImpl::class_of(block_bytes);

  void* take() { return pool.allocate(block_bytes).memory; }
  void give(void* block) {
    pool.release(block, size_class, EventPoolImpl::class_bytes[size_class]);
  }
};

struct Malloc {
  static void* take() { return std::malloc(block_bytes); }
  static void give(void* block) { std::free(block); }
};

/// Free blocks are linked through their first line; what the reader frees comes back on
/// a stack that the maker takes whole.
class FreeList {
 public:
  ~FreeList() {
    free_all(mine_);
    free_all(chain_);
    free_all(returned_.load(std::memory_order_acquire));
  }
  void* take() {
    if (mine_ == nullptr) mine_ = returned_.exchange(nullptr, std::memory_order_acquire);
    if (mine_ == nullptr) return std::aligned_alloc(64, block_bytes);
    auto* block = mine_;
    mine_ = block->next;
    return block;
  }
  void give(void* memory) {
    auto* block = new (memory) Link{chain_};
    if (chain_ == nullptr) chain_end_ = block;
    chain_ = block;
    if (++chained_ < Magazine::blocks_max) return;
    chain_end_->next = returned_.load(std::memory_order_relaxed);
    while (!returned_.compare_exchange_weak(chain_end_->next, chain_, std::memory_order_release,
                                            std::memory_order_relaxed)) {
    }
    chain_ = nullptr;
    chained_ = 0;
  }

 private:
  struct Link {
    Link* next;
  };
  static void free_all(Link* block) {
    while (block != nullptr) {
      auto* next = block->next;
      std::free(block);
      block = next;
    }
  }

  alignas(64) Link* mine_ = nullptr;  // the maker's
  alignas(64) std::atomic<Link*> returned_{nullptr};
  alignas(64) Link* chain_ = nullptr;  // the reader's
  Link* chain_end_ = nullptr;
  std::size_t chained_ = 0;
};

/// Floor: blocks that are taken in turn, as many as a pool has at work.
class BlocksInTurn {
 public:
  BlocksInTurn()
      : blocks_{static_cast<std::byte*>(std::aligned_alloc(64, block_bytes * count)), &std::free} {}
  void* take() { return blocks_.get() + block_bytes * (taken_++ % count); }
  static void give(void* /*block*/) {}

 protected:
  static constexpr std::size_t count = 2 * in_flight_max;
  std::unique_ptr<std::byte, decltype(&std::free)> blocks_;
  std::size_t taken_ = 0;
};

/// Floor on one thread: the same blocks each time.
struct SameBlocks : BlocksInTurn {
  void give(void* /*block*/) { --taken_; }
};

/// A block with `number` in it, filled from end to end.
template <class Memory>
void* make(Memory& memory, const std::vector<char>& text, std::uint64_t number) {
  auto* block = memory.take();
  std::memcpy(block, text.data(), block_bytes);
  std::memcpy(block, &number, sizeof(number));
  return block;
}

/// What a shard does to an event; true if it is the expected one.
bool use(void* block, std::uint64_t number) {
  std::uint64_t found = 0;
  std::memcpy(&found, block, sizeof(found));
  std::memset(static_cast<char*>(block) + block_bytes - 128, static_cast<int>(number), 128);
  benchmark::ClobberMemory();
  return found == number;
}

template <class Memory>
void event_memory(benchmark::State& state) {
  const bench::PinnedToFirst pinned;
  const auto memory = std::make_unique<Memory>();
  const std::vector<char> text(block_bytes, 'x');
  std::vector<void*> held(static_cast<std::size_t>(state.range(0)));
  std::uint64_t made = 0;
  std::uint64_t used = 0;
  bool right = true;

  const bench::WallRate rate;
  for ([[maybe_unused]] auto _ : state) {
    for (auto& block : held)
      block = make(*memory, text, made++);
    for (auto* block : held) {
      right = use(block, used++) && right;
      memory->give(block);
    }
  }
  rate.report(state, used);
  if (!right) state.SkipWithError("a block was somebody else's");
}

/// The reader's end of the hand-over: blocks in order, until a null one.
class Reader {
 public:
  template <class Memory>
  void run(Memory& memory) {
    bench::pin_this_thread(1);
    for (std::uint64_t number = 0;; ++number) {
      auto& place = places_[number % in_flight_max];
      while (!place.full.load(std::memory_order_acquire)) {
      }
      if (place.block == nullptr) return;
      right_ = use(place.block, number) && right_;
      memory.give(place.block);
      place.full.store(false, std::memory_order_release);
    }
  }
  void send(void* block, std::uint64_t number) {
    auto& place = places_[number % in_flight_max];
    while (place.full.load(std::memory_order_acquire)) {
    }
    place.block = block;
    place.full.store(true, std::memory_order_release);
  }
  // After run() has ended.
  [[nodiscard]] bool right() const { return right_; }

 private:
  struct Place {
    void* block = nullptr;
    std::atomic<bool> full{false};
  };
  std::array<Place, in_flight_max> places_;
  bool right_ = true;
};

template <class Memory>
void event_memory_handed_over(benchmark::State& state) {
  const bench::PinnedToFirst pinned;
  const auto memory = std::make_unique<Memory>();
  const auto reader = std::make_unique<Reader>();
  const std::vector<char> text(block_bytes, 'x');
  std::uint64_t made = 0;
  std::thread reading{[&] { reader->run(*memory); }};

  const bench::WallRate rate;
  for ([[maybe_unused]] auto _ : state) {
    reader->send(make(*memory, text, made), made);
    ++made;
  }
  reader->send(nullptr, made);
  reading.join();
  rate.report(state, made);
  if (!reader->right()) state.SkipWithError("a block was somebody else's");
}

void held_blocks(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("held")->Arg(1)->Arg(1'000);
}

BENCHMARK(event_memory<SameBlocks>)->Name("event_memory_floor")->Apply(held_blocks);
BENCHMARK(event_memory<OneCache>)->Name("event_memory")->Apply(held_blocks);
BENCHMARK(event_memory<SlotBlocks>)->Name("event_memory_slots")->Apply(held_blocks);
BENCHMARK(event_memory<Malloc>)->Name("event_memory_malloc")->Apply(held_blocks);
BENCHMARK(event_memory<FreeList>)->Name("event_memory_freelist")->Apply(held_blocks);

BENCHMARK(event_memory_handed_over<BlocksInTurn>)->Name("event_memory_handed_over_floor");
BENCHMARK(event_memory_handed_over<CachedBlocks>)->Name("event_memory_handed_over");
BENCHMARK(event_memory_handed_over<SlotBlocks>)->Name("event_memory_handed_over_slots");
BENCHMARK(event_memory_handed_over<Malloc>)->Name("event_memory_handed_over_malloc");
BENCHMARK(event_memory_handed_over<FreeList>)->Name("event_memory_handed_over_freelist");

}  // namespace
