#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/counter_generation.hpp"
#include "persistence/src/rows.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// meta: what a write added to counters; `additions`, generation, write.
[[nodiscard]] std::string additions_key(std::uint64_t generation, std::uint64_t write);

/// How far the sums of additions have come to the rows of counts and kinds: all of the
/// generations before this one, and of this one all users up to this one.
struct Folded {
  std::uint64_t generation = 0;
  std::optional<engine::UserId> user{};
};
[[nodiscard]] std::string encode_folded(const Folded& folded);

/// The additions whose sums are not in rows yet: of one generation, or of two if the first
/// one is being folded.
struct StoredAdditions {
  Folded folded;
  std::shared_ptr<CounterGeneration> first{};
  std::shared_ptr<CounterGeneration> second{};  // or null
  std::uint64_t last_write = 0;
};

/// Told of a row that makes no sense. What it returns is whether to go on without it.
using OnDamagedAdditions =
    std::function<engine::Result<void>(std::string_view key, std::string_view what)>;

/// Reads all of them.
[[nodiscard]] engine::Result<StoredAdditions> read_additions(const Rows& rows,
                                                             const OnDamagedAdditions& on_damage);

}  // namespace carillon::persistence
