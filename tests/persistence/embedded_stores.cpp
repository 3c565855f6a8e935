// The stores that run the conformance suite in persistence_tests.
#include "tests/persistence/store_fixture.hpp"

namespace carillon::testing {

std::vector<StoreKind> kinds_under_test() {
  return {StoreKind::memory, StoreKind::rocksdb};
}

persistence::StoreOptions fresh_store(StoreKind kind, const TempDir& dir) {
  return kind == StoreKind::memory ? persistence::StoreOptions{.url = "memory:"}
                                   : small_rocksdb(dir / "store");
}

}  // namespace carillon::testing
