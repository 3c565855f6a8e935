#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/postgres_connection.hpp"
#include "persistence/src/postgres_values.hpp"

#include <cstdint>
#include <vector>

namespace carillon::persistence {

/// The events of one removal.
///
/// All that belongs to them goes in one transaction: the rows, marks of broadcasts, what
/// they add to counts and to the sums of carillon.meta; owners' positions stay, and their
/// horizons rise. The transaction does not wait for the disk: it is durable with the next
/// commit, and lost as a whole if the server crashes before.
///
/// Bound   As many events as `most` of remove(); a broadcast goes with all of its marks.
class PostgresRemoval {
 public:
  /// Of the holder's events from `first` to `last` the earliest.
  struct Cut {
    engine::UserId holder{};
    engine::Sequence first = 0;
    engine::Sequence last = 0;
    std::uint64_t most = 0;
  };
  struct Removed {
    engine::UserId holder{};
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
  };

  /// Makes the statement known; `prepared_statements` results must be taken.
  static void prepare(PostgresConnection& connection);
  static constexpr int prepared_statements = 1;

  void add(const Cut& cut);
  [[nodiscard]] bool empty() const noexcept { return empty_; }
  /// At most so many events, and nothing unless `life` is still the database's. After an
  /// error: drain, roll back.
  [[nodiscard]] engine::Result<std::vector<Removed>> remove(PostgresConnection& connection,
                                                            std::int64_t life,
                                                            std::uint64_t most) &&;

 private:
  PostgresArray holders_{PostgresType::uuid};
  PostgresArray firsts_{PostgresType::int8};
  PostgresArray lasts_{PostgresType::int8};
  PostgresArray counts_{PostgresType::int8};
  bool empty_ = true;
};

}  // namespace carillon::persistence
