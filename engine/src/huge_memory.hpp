#pragma once

#include <cstddef>
#include <memory>

namespace carillon::engine::detail {

/// Memory for tables that are read here and there: from 2 MiB on in huge pages, where the
/// system gives them when asked (madvise). With many users each look into such a table
/// would else be a miss of the address translation too, which costs as much again.
[[nodiscard]] void* allocate_huge(std::size_t bytes);
void free_huge(void* memory, std::size_t bytes) noexcept;

struct FreeHuge {
  std::size_t bytes = 0;
  void operator()(void* memory) const noexcept { free_huge(memory, bytes); }
};

}  // namespace carillon::engine::detail
