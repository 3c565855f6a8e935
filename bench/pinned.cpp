#include "bench/pinned.hpp"

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> allocation_count{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  void* memory = nullptr;
  if (alignment <= alignof(std::max_align_t)) {
    memory = std::malloc(bytes);
  } else if (posix_memalign(&memory, alignment, bytes) != 0) {
    memory = nullptr;
  }
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}

/// What the process was allowed when it began: pinning the main thread must not
/// hide the other processors.
std::vector<unsigned> allowed_cpus() {
  static const auto cpus = [] {
    std::vector<unsigned> found;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0) return found;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) found.push_back(cpu);
    return found;
  }();
  return cpus;
}

void run_on(const std::vector<unsigned>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const auto cpu : cpus)
    CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

}  // namespace

void* operator new(std::size_t bytes) {
  return counted(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace bench {

PinnedToFirst::PinnedToFirst() {
  const auto cpus = allowed_cpus();
  if (cpus.size() > 1) run_on({cpus.front()});
}

PinnedToFirst::~PinnedToFirst() {
  run_on(allowed_cpus());
}

void pin_this_thread(unsigned index) {
  const auto cpus = allowed_cpus();
  if (!cpus.empty()) run_on({cpus[index % cpus.size()]});
}

std::vector<unsigned> second_cpu() {
  const auto cpus = allowed_cpus();
  if (cpus.size() < 2) return {};
  return {cpus[1]};
}

std::uint64_t allocations() {
  return allocation_count.load(std::memory_order_relaxed);
}

}  // namespace bench
