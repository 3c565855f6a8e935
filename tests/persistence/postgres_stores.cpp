// The store that runs the conformance suite in postgres_tests.
#include "tests/persistence/shared_postgres.hpp"
#include "tests/persistence/store_fixture.hpp"

namespace carillon::testing {

PostgresServer& shared_postgres() {
  static PostgresServer server;
  return server;
}

std::vector<StoreKind> kinds_under_test() {
  return {StoreKind::postgresql};
}

persistence::StoreOptions fresh_store(StoreKind, const TempDir&) {
  return {.url = shared_postgres().make_database()};
}

}  // namespace carillon::testing
