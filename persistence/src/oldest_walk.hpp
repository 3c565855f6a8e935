#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/retention_rows.hpp"
#include "persistence/src/rows.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace carillon::persistence {

/// The events of all users by age, oldest first: those whose ids begin with their time,
/// and those that have a row for it, merged. Exact to a second.
///
/// Threads   One; the Rows must outlive it.
class OldestWalk {
 public:
  /// Begins at `from_ms`, and leaves out what is more than a day after `now_ms`: ids that
  /// tell no time are spread over all of it.
  OldestWalk(const Rows& rows, std::uint64_t from_ms, std::uint64_t now_ms);

  struct Place {
    std::uint64_t time_ms = 0;
    engine::UserId holder{};
    engine::Sequence sequence = 0;
    bool by_id = false;  ///< only valid if the id tells the event's age
  };
  /// Null at the end or after a fault, see outcome().
  [[nodiscard]] const std::optional<Place>& at();
  void next();
  [[nodiscard]] const engine::Result<void>& outcome() const noexcept { return outcome_; }

 private:
  [[nodiscard]] std::optional<Place> read_id();
  [[nodiscard]] std::optional<Place> read_row();

  const std::uint64_t end_ms_;
  std::unique_ptr<RowIterator> ids_;
  std::unique_ptr<RowIterator> rows_;
  std::optional<Place> id_;
  std::optional<Place> row_;
  std::optional<Place> none_;
  engine::Result<void> outcome_;
};

}  // namespace carillon::persistence
