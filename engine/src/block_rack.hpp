#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace carillon::engine::detail {

/// Free blocks of one size on their way between threads. The addresses lie in
/// the magazine, not in the blocks: whoever takes a block can have the next ones
/// fetched from the processor that used them last, and a block that is freed is not
/// touched. (Bonwick and Adams, "Magazines and Vmem", USENIX 2001.)
struct alignas(64) Magazine {
  static constexpr std::size_t blocks_max = 30;

  Magazine* next_made = nullptr;  // of all magazines of the pool
  std::size_t count = 0;
  std::array<void*, blocks_max> blocks{};
};
static_assert(sizeof(Magazine) == 256);

/// Two magazines of one size: takes and puts that alternate around the end of
/// one magazine don't exchange it each time. One thread at a time.
class BlockRack {
 public:
  /// Null if both magazines are empty. The taker will fill `end` bytes, more than four
  /// lines.
  [[nodiscard]] void* take(std::size_t end) noexcept {
    if (loaded_ == nullptr || loaded_->count == 0) {
      if (spare_ == nullptr || spare_->count == 0) return nullptr;
      std::swap(loaded_, spare_);
    }
    const auto left = --loaded_->count;
    prefetch_from(left, end);
    return loaded_->blocks[left];
  }
  /// False if both magazines are full or missing.
  [[nodiscard]] bool put(void* block) noexcept {
    if (loaded_ == nullptr || loaded_->count == Magazine::blocks_max) {
      if (spare_ == nullptr || spare_->count == Magazine::blocks_max) return false;
      std::swap(loaded_, spare_);
    }
    loaded_->blocks[loaded_->count++] = block;
    return true;
  }
  /// Loads `magazine`; the one that must leave for it, or null.
  [[nodiscard]] Magazine* load(Magazine* magazine) noexcept {
    return std::exchange(spare_, std::exchange(loaded_, magazine));
  }
  /// The magazine that the next load() would drive out.
  [[nodiscard]] Magazine* take_spare() noexcept { return std::exchange(spare_, nullptr); }

 private:
  static constexpr std::size_t line = 64;
  static constexpr std::size_t blocks_ahead = 3;

  /// Blocks that come soon are fetched for writing while this one is being filled:
  /// early the lines that the thread which freed them wrote (the first two, and the
  /// JSON's tail), which come from another processor; then the rest.
  /// Always inlined: GCC drops calls of a function that does nothing but prefetch.
  [[gnu::always_inline]] void prefetch_from(std::size_t left, std::size_t end) const noexcept {
    if (left >= blocks_ahead) {
      const auto* block = static_cast<const std::byte*>(loaded_->blocks[left - blocks_ahead]);
      for (const auto at : {std::size_t{0}, line, end - 2 * line, end - line})
        __builtin_prefetch(block + at, 1);
    }
    if (left == 0) return;
    const auto* block = static_cast<const std::byte*>(loaded_->blocks[left - 1]);
    for (std::size_t at = 2 * line; at < end; at += line)
      __builtin_prefetch(block + at, 1);
  }

  Magazine* loaded_ = nullptr;
  Magazine* spare_ = nullptr;
};

}  // namespace carillon::engine::detail
