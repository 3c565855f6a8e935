#include "engine/src/huge_memory.hpp"

#include <sys/mman.h>

#include <new>

namespace carillon::engine::detail {
namespace {

constexpr std::size_t huge_page_bytes = std::size_t{2} << 20U;
constexpr std::size_t line_bytes = 64;

constexpr std::size_t alignment_of(std::size_t bytes) noexcept {
  return bytes < huge_page_bytes ? line_bytes : huge_page_bytes;
}

}  // namespace

void* allocate_huge(std::size_t bytes) {
  auto* memory = ::operator new (bytes, std::align_val_t{alignment_of(bytes)});
  // A wish: without it the pages are small, and everything works.
  if (bytes >= huge_page_bytes) static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));
  return memory;
}

void free_huge(void* memory, std::size_t bytes) noexcept {
  ::operator delete (memory, std::align_val_t{alignment_of(bytes)});
}

}  // namespace carillon::engine::detail
