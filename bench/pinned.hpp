#pragma once

#include <cstdint>
#include <vector>

namespace bench {

/// While it lives its thread runs on the first processor that the process may use.
class PinnedToFirst {
 public:
  PinnedToFirst();
  ~PinnedToFirst();
  PinnedToFirst(const PinnedToFirst&) = delete;
  PinnedToFirst& operator=(const PinnedToFirst&) = delete;
};

/// Puts the calling thread on the index-th processor that the process may use. The
/// index wraps, so that a benchmark for two processors runs, slowly, on one.
void pin_this_thread(unsigned index);

/// The second processor that the process may use; empty if there is only one.
[[nodiscard]] std::vector<unsigned> second_cpu();

/// Calls of operator new in this process so far, by any thread.
[[nodiscard]] std::uint64_t allocations();

}  // namespace bench
