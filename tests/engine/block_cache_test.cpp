#include "engine/src/event_pool_impl.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace carillon::engine::detail {
namespace {

using Block = EventPoolImpl::Block;

constexpr std::size_t per_magazine = Magazine::blocks_max;

/// Under the address sanitizer nothing is pooled (event_pool.cpp).
bool is_pooled() {
  return EventPoolImpl::class_of(1) != EventPoolImpl::unpooled;
}

void release(BlockCache& cache, const Block& block) {
  cache.release(block.memory, block.size_class, block.bytes);
}

std::vector<Block> allocate(BlockCache& cache, std::size_t count, std::size_t bytes) {
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < count; ++i)
    blocks.push_back(cache.allocate(bytes));
  return blocks;
}

std::set<void*> memories(const std::vector<Block>& blocks) {
  std::set<void*> out;
  for (const auto& block : blocks)
    out.insert(block.memory);
  return out;
}

// The rack prefetches from what it holds: real memory, of four lines and more.
class BlockRackTest : public ::testing::Test {
 protected:
  static constexpr std::size_t block_bytes = 512;

  void* block(std::size_t number) { return memory_.data() + number * block_bytes; }
  void fill(Magazine& magazine, std::size_t first) {
    for (std::size_t i = 0; i < per_magazine; ++i)
      magazine.blocks[magazine.count++] = block(first + i);
  }
  std::size_t take_all(BlockRack& rack) {
    std::set<void*> taken;
    while (auto* memory = rack.take(block_bytes))
      EXPECT_TRUE(taken.insert(memory).second) << "given twice";
    return taken.size();
  }

  std::vector<std::byte> memory_ = std::vector<std::byte>(block_bytes * 3 * per_magazine);
  Magazine one_;
  Magazine two_;
  BlockRack rack_;
};

TEST_F(BlockRackTest, HasNothingAndTakesNothingWithoutMagazines) {
  EXPECT_EQ(rack_.take(block_bytes), nullptr);
  EXPECT_FALSE(rack_.put(block(0)));
  EXPECT_EQ(rack_.take_spare(), nullptr);
}

TEST_F(BlockRackTest, GivesTheBlocksOfBothMagazinesOnceEach) {
  fill(one_, 0);
  fill(two_, per_magazine);
  EXPECT_EQ(rack_.load(&one_), nullptr);
  EXPECT_EQ(rack_.load(&two_), nullptr);

  EXPECT_EQ(take_all(rack_), 2 * per_magazine);
  EXPECT_EQ(rack_.take(block_bytes), nullptr) << "exhausted, and stays so";
}

TEST_F(BlockRackTest, TakesTwoMagazinesFullAndNoMore) {
  static_cast<void>(rack_.load(&one_));
  static_cast<void>(rack_.load(&two_));

  for (std::size_t i = 0; i < 2 * per_magazine; ++i)
    ASSERT_TRUE(rack_.put(block(i)));

  EXPECT_FALSE(rack_.put(block(2 * per_magazine)));
  EXPECT_EQ(take_all(rack_), 2 * per_magazine);
}

TEST_F(BlockRackTest, GivesTheBlockThatCameLastFirst) {
  static_cast<void>(rack_.load(&one_));
  ASSERT_TRUE(rack_.put(block(0)));
  ASSERT_TRUE(rack_.put(block(1)));

  EXPECT_EQ(rack_.take(block_bytes), block(1));
  EXPECT_EQ(rack_.take(block_bytes), block(0));
}

TEST_F(BlockRackTest, DrivesOutTheMagazineThatWasLoadedFirst) {
  Magazine three;
  static_cast<void>(rack_.load(&one_));
  static_cast<void>(rack_.load(&two_));

  EXPECT_EQ(rack_.load(&three), &one_);
  EXPECT_EQ(rack_.take_spare(), &two_);
  EXPECT_EQ(rack_.take_spare(), nullptr);
}

TEST(BlockCacheTest, GivesAlignedBlocksOfEachSizeToOneOwnerOnly) {
  EventPoolImpl pool;
  BlockCache cache{pool};
  std::vector<Block> blocks;
  for (std::uint32_t i = 0; i < 2'000; ++i) {
    const std::size_t bytes = 300 + i % 11 * 900;  // all classes, and beyond them
    blocks.push_back(cache.allocate(bytes));
    ASSERT_GE(blocks.back().bytes, bytes);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back().memory) % 64, 0U);
    std::memset(blocks.back().memory, static_cast<int>(i % 256), bytes);
    std::memcpy(blocks.back().memory, &i, sizeof(i));
  }

  for (std::uint32_t i = 0; i < 2'000; ++i) {
    std::uint32_t found = 0;
    std::memcpy(&found, blocks[i].memory, sizeof(found));
    ASSERT_EQ(found, i);
    release(cache, blocks[i]);
  }
}

TEST(BlockCacheTest, UsesAgainWhatItFreed) {
  if (!is_pooled()) GTEST_SKIP() << "not pooled under the address sanitizer";
  EventPoolImpl pool;
  BlockCache cache{pool};
  const auto first = allocate(cache, 10 * per_magazine, 900);
  for (const auto& block : first)
    release(cache, block);
  const auto warm = pool.blocks_allocated_approx();

  const auto second = allocate(cache, 10 * per_magazine, 900);

  EXPECT_EQ(memories(second), memories(first));
  EXPECT_EQ(pool.blocks_allocated_approx(), warm);
  for (const auto& block : second)
    release(cache, block);
}

// As events do: one cache makes them, another one frees them.
TEST(BlockCacheTest, GivesOneCacheWhatAnotherFreed) {
  if (!is_pooled()) GTEST_SKIP() << "not pooled under the address sanitizer";
  EventPoolImpl pool;
  BlockCache maker{pool};
  BlockCache freer{pool};
  std::uint64_t warm = 0;
  for (int round = 0; round < 100; ++round) {
    for (const auto& block : allocate(maker, 4 * per_magazine, 900))
      release(freer, block);
    // Each cache keeps two magazines at most; so the second round may still grow.
    if (round == 1) warm = pool.blocks_allocated_approx();
  }

  EXPECT_EQ(pool.blocks_allocated_approx(), warm);
  EXPECT_LE(warm, 8 * per_magazine) << "alive at once, and two magazines in each cache";
}

TEST(BlockCacheTest, GivesAllItsBlocksBackAtTheEnd) {
  if (!is_pooled()) GTEST_SKIP() << "not pooled under the address sanitizer";
  EventPoolImpl pool;
  std::set<void*> before;
  {
    BlockCache cache{pool};
    const auto blocks = allocate(cache, per_magazine + 1, 900);  // the second one not empty
    before = memories(blocks);
    for (const auto& block : blocks)
      release(cache, block);
  }
  const auto made = pool.blocks_allocated_approx();

  BlockCache next{pool};
  const auto blocks = allocate(next, made, 900);

  EXPECT_EQ(pool.blocks_allocated_approx(), made) << "nothing was left behind";
  EXPECT_EQ(memories(blocks).size(), made);
  for (auto* memory : before)
    EXPECT_TRUE(memories(blocks).contains(memory));
  for (const auto& block : blocks)
    release(next, block);
}

TEST(BlockCacheTest, FreesWhatItsPoolGaveAndTheReverse) {
  EventPoolImpl pool;
  {
    BlockCache cache{pool};
    const auto from_pool = pool.allocate(900);
    const auto from_cache = cache.allocate(900);
    release(cache, from_pool);
    pool.release(from_cache.memory, from_cache.size_class, from_cache.bytes);
  }
  EXPECT_EQ(pool.bytes_in_use_approx(), 0U);
}

TEST(BlockCacheTest, TellsItsBytesWhenTheyAreSettled) {
  EventPoolImpl pool;
  BlockCache cache{pool};
  const auto blocks = allocate(cache, 5, 900);
  cache.settle_figures();
  EXPECT_EQ(pool.bytes_in_use_approx(), 5U * blocks.front().bytes);

  for (const auto& block : blocks)
    release(cache, block);
  cache.settle_figures();
  EXPECT_EQ(pool.bytes_in_use_approx(), 0U);
}

// Goal: whatever cache makes and frees a block, in whatever order and size, no block
// has two owners, and at the end the figure is zero and all blocks are free. Method:
// random steps over caches that come and go; each block carries its number.
TEST(BlockCacheTest, LosesNothingWhateverIsTakenAndFreedWhere) {
  EventPoolImpl pool;
  std::mt19937 random{4};
  std::vector<std::optional<BlockCache>> caches(4);
  std::vector<std::pair<Block, std::uint32_t>> alive;
  const auto some_cache = [&]() -> BlockCache& {
    auto& cache = caches[random() % caches.size()];
    if (!cache) cache.emplace(pool);
    return *cache;
  };
  for (std::uint32_t step = 0; step < 50'000; ++step) {
    if (random() % 500 == 0) caches[random() % caches.size()].reset();
    // Tides, so that magazines run full and empty.
    const bool rising = step / 1'000 % 2 == 0;
    if (alive.empty() || random() % 3 < (rising ? 2U : 1U)) {
      const auto block = some_cache().allocate(random() % 16 == 0 ? 9'000 : 1 + random() % 1'500);
      std::memcpy(block.memory, &step, sizeof(step));
      alive.emplace_back(block, step);
    } else {
      std::swap(alive[random() % alive.size()], alive.back());
      std::uint32_t found = 0;
      std::memcpy(&found, alive.back().first.memory, sizeof(found));
      ASSERT_EQ(found, alive.back().second);
      release(some_cache(), alive.back().first);
      alive.pop_back();
    }
  }
  for (const auto& [block, number] : alive)
    release(some_cache(), block);
  caches.clear();

  EXPECT_EQ(pool.bytes_in_use_approx(), 0U);
}

}  // namespace
}  // namespace carillon::engine::detail
