#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/counters.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/rows.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace carillon::persistence {

/// Takes events out of a store for good, with everything that belongs to them: ids,
/// states, what they add to counts and kinds, the rows that retention finds them by.
/// And notes how far their owners' history is gone: the horizon.
///
/// Threads   One; made for one slice of retention.
/// REQUIRES  `rows` shows the store as it was before the slice. Nothing else is written
///           to the same events and counts by it.
/// Bound     A broadcast goes with the marks of all users at once, since counts must be
///           exact at every moment.
class EventRemover {
 public:
  struct Removed {
    engine::UserId holder{};
    engine::Sequence sequence = 0;
    std::uint64_t bytes = 0;  ///< stored_bytes of its row
  };

  EventRemover(const Rows& rows, RowWriter& writer) noexcept : rows_{rows}, writer_{writer} {}

  /// The holder's event in this row; false if this slice has removed it already.
  [[nodiscard]] engine::Result<bool> remove(const engine::UserId& holder,
                                            const StoredEvent& event,
                                            std::size_t row_bytes);
  /// Writes the sums. To be called once, last.
  void finish();

  [[nodiscard]] const std::vector<Removed>& removed() const noexcept { return removed_; }
  [[nodiscard]] std::uint64_t removed_of(const engine::UserId& holder) const {
    const auto owner = owners_.find(holder);
    return owner == owners_.end() ? 0 : owner->second.removed;
  }
  [[nodiscard]] bool is_removed(engine::Sequence event) const { return sequences_.contains(event); }
  /// Whose counts were touched.
  [[nodiscard]] std::vector<engine::UserId> owners() const;
  /// State rows that went with them.
  [[nodiscard]] std::size_t states() const noexcept { return states_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  struct Owner {
    Counters counts;
    engine::Sequence horizon = 0;
    std::uint64_t removed = 0;
  };
  [[nodiscard]] engine::Result<void> remove_own(const engine::UserId& user,
                                                const StoredEvent& event);
  [[nodiscard]] engine::Result<void> remove_broadcast(const StoredEvent& event);
  [[nodiscard]] engine::Result<void> remove_mark(const engine::UserId& user,
                                                 const StoredEvent& event);

  const Rows& rows_;
  RowWriter& writer_;
  std::unordered_map<engine::UserId, Owner> owners_;
  std::unordered_map<std::string, std::int64_t> kinds_;
  std::vector<Removed> removed_;
  std::unordered_set<engine::Sequence> sequences_;
  std::uint64_t bytes_ = 0;
  std::size_t states_ = 0;
};

}  // namespace carillon::persistence
