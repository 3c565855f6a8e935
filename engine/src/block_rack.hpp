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
  /// Null if both magazines are empty.
  [[nodiscard]] void* take() noexcept {
    if (loaded_ == nullptr || loaded_->count == 0) {
      if (spare_ == nullptr || spare_->count == 0) return nullptr;
      std::swap(loaded_, spare_);
    }
    const auto left = --loaded_->count;
    // The first lines of a block that comes soon were written by the thread that
    // used it: fetch them for writing while this one is being filled.
    if (left >= prefetch_ahead) prefetch(loaded_->blocks[left - prefetch_ahead]);
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
  static constexpr std::size_t prefetch_ahead = 3;
  static void prefetch(void* block) noexcept {
    auto* lines = static_cast<std::byte*>(block);
    __builtin_prefetch(lines, 1);
    __builtin_prefetch(lines + 64, 1);
  }

  Magazine* loaded_ = nullptr;
  Magazine* spare_ = nullptr;
};

}  // namespace carillon::engine::detail
