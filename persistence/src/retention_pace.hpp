#pragma once

#include "carillon/persistence/retention.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace carillon::persistence {

/// Whether retention is so far beyond a bound that its slices may take longer.
[[nodiscard]] inline bool is_far_behind(const RetentionOptions& options,
                                        const RetentionLoad& load) noexcept {
  constexpr std::int64_t share = 64;  // of the bound
  constexpr std::uint64_t bytes = std::uint64_t{1} << 20U;
  constexpr std::chrono::milliseconds age{10'000};
  constexpr std::uint64_t users = 1'024;
  return load.bytes_over > options.bytes / static_cast<std::uint64_t>(share) + bytes ||
         load.lag > std::max(options.age / share, age) || load.waiting_users > users;
}

}  // namespace carillon::persistence
