#pragma once

#include "carillon/engine/filter.hpp"
#include "persistence/src/postgres_values.hpp"

#include <string>

namespace carillon::persistence {

/// A filter as SQL over a row `e` of carillon.events.
class PostgresFilter {
 public:
  /// Adds what it compares with to `parameters`.
  PostgresFilter(const engine::Filter& filter, PostgresParameters& parameters);

  /// ` AND …` for all fields, the status being this expression. Empty if the
  /// filter asks nothing.
  [[nodiscard]] std::string conditions(const std::string& status) const;
  /// The same without the status.
  [[nodiscard]] const std::string& conditions_but_status() const noexcept { return conditions_; }

 private:
  std::string conditions_;
  std::optional<engine::Status> status_;
};

/// `$n`.
[[nodiscard]] inline std::string placeholder(int number) {
  return "$" + std::to_string(number);
}

/// The user id under which broadcasts are kept.
inline constexpr const char* broadcasts_sql = "'00000000-0000-0000-0000-000000000000'";

}  // namespace carillon::persistence
