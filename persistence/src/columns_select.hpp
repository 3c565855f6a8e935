#pragma once

#include "carillon/engine/inbox.hpp"
#include "persistence/src/columns_match.hpp"

#include <cstdint>
#include <vector>

namespace carillon::persistence {

/// An event of a page, to be fetched.
struct PageRow {
  engine::Timestamp time{};  // that it is sorted by
  engine::Sequence sequence = 0;
  engine::EventState state;
  bool broadcast = false;
};

/// What a page wants of the matched rows.
struct Slice {
  engine::SortKey sort = engine::SortKey::updated_at;
  bool descending = true;
  std::uint64_t skip = 0;
  std::uint64_t count = 0;
};

/// The rows of the slice, in its order. Costs a few looks at each matched row at most,
/// wherever the slice lies, and memory for some thousands.
[[nodiscard]] std::vector<PageRow> select_slice(const MatchedRows& matched, const Slice& slice);

/// The first `count` rows behind `after` in ascending or, without it, before `before` in
/// descending order of sequences; with both: behind the one and before the other.
[[nodiscard]] std::vector<PageRow> select_from_position(const MatchedRows& matched,
                                                        const engine::ListQuery& query,
                                                        std::uint64_t count);

}  // namespace carillon::persistence
