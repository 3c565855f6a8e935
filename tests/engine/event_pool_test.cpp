#include "carillon/engine/event_pool.hpp"

#include "engine/src/event_pool_impl.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace carillon::engine::detail {
namespace {

// Under the address sanitizer nothing is pooled (event_pool.cpp): what is said
// of recycling does not hold there.
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

using Block = EventPoolImpl::Block;

void release(EventPoolImpl& pool, const Block& block) {
  pool.release(block.memory, block.size_class, block.bytes);
}

TEST(EventPoolTest, GivesAlignedBlocksThatAreLargeEnough) {
  EventPoolImpl pool;
  std::vector<Block> blocks;
  for (const std::size_t bytes : {1U, 64U, 511U, 512U, 513U, 1'024U, 1'025U, 2'048U, 4'095U, 4'097U,
                                  8'192U, 8'193U, 100'000U, 1'048'577U}) {
    const auto block = pool.allocate(bytes);
    ASSERT_GE(block.bytes, bytes);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block.memory) % 64, 0U) << bytes;
    std::memset(block.memory, 0xAB, block.bytes);  // the sanitizer checks that it is ours
    blocks.push_back(block);
  }
  for (const auto& block : blocks)
    release(pool, block);
}

TEST(EventPoolTest, GivesEachBlockToOneOwnerOnly) {
  EventPoolImpl pool;
  std::vector<Block> blocks;
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    blocks.push_back(pool.allocate(600));
    std::memcpy(blocks.back().memory, &i, sizeof(i));
  }

  for (std::uint32_t i = 0; i < 1'000; ++i) {
    std::uint32_t found = 0;
    std::memcpy(&found, blocks[i].memory, sizeof(found));
    ASSERT_EQ(found, i);
    release(pool, blocks[i]);
  }
}

TEST(EventPoolTest, CountsTheBytesOfBlocksInUse) {
  EventPoolImpl pool;
  EXPECT_EQ(pool.bytes_in_use_approx(), 0U);

  const auto small = pool.allocate(400);
  const auto large = pool.allocate(20'000);
  EXPECT_EQ(pool.bytes_in_use_approx(), small.bytes + large.bytes);

  release(pool, small);
  EXPECT_EQ(pool.bytes_in_use_approx(), large.bytes);
  release(pool, large);
  EXPECT_EQ(pool.bytes_in_use_approx(), 0U);
}

TEST(EventPoolTest, TakesNothingMoreFromMallocOnceItIsWarm) {
  if (!pooled) GTEST_SKIP() << "not pooled under the address sanitizer";
  EventPoolImpl pool;
  std::vector<Block> blocks(1'000);
  std::uint64_t warm = 0;
  for (int round = 0; round < 10; ++round) {
    for (auto& block : blocks)
      block = pool.allocate(900);
    for (const auto& block : blocks)
      release(pool, block);
    if (round == 0) warm = pool.blocks_allocated_approx();
    ASSERT_EQ(pool.blocks_allocated_approx(), warm) << "round " << round;
  }
  EXPECT_GE(warm, 1'000U);
  EXPECT_LE(warm, 1'100U);
}

TEST(EventPoolTest, KeepsTheSizesApart) {
  EventPoolImpl pool;
  release(pool, pool.allocate(500));

  const auto block = pool.allocate(8'000);

  EXPECT_GE(block.bytes, 8'000U);
  std::memset(block.memory, 0xAB, block.bytes);
  release(pool, block);
}

}  // namespace
}  // namespace carillon::engine::detail
