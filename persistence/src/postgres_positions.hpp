#pragma once

#include "persistence/src/postgres_values.hpp"

namespace carillon::persistence {

/// Sequences that users' orders have come to: the parameters of one statement, which
/// writes them to carillon.positions. None goes back by it.
class PostgresPositions {
 public:
  void add(const engine::UserId& user, engine::Sequence sequence) {
    users_.add_uuid(user);
    sequences_.add_int8(to_bigint(sequence));
    empty_ = false;
  }
  [[nodiscard]] bool empty() const noexcept { return empty_; }
  [[nodiscard]] PostgresParameters take() && {
    PostgresParameters parameters;
    parameters.add_array(PostgresType::uuid_array, std::move(users_));
    parameters.add_array(PostgresType::int8_array, std::move(sequences_));
    return parameters;
  }

  static constexpr const char* sql = R"(
INSERT INTO carillon.positions AS p (user_id, last_change)
SELECT u, max(n) FROM unnest($1::uuid[], $2::bigint[]) AS row (u, n) GROUP BY u
    ON CONFLICT (user_id) DO UPDATE SET last_change = greatest(p.last_change, excluded.last_change)
)";

 private:
  PostgresArray users_{PostgresType::uuid};
  PostgresArray sequences_{PostgresType::int8};
  bool empty_ = true;
};

}  // namespace carillon::persistence
