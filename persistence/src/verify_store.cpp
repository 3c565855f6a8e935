#include "carillon/persistence/verify_store.hpp"

#include "persistence/src/offline_store.hpp"
#include "persistence/src/postgres_url.hpp"
#include "persistence/src/postgres_verify.hpp"
#include "persistence/src/rocks_verify.hpp"

#include <exception>
#include <string_view>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;
using OnFault = std::function<void(const StoreFault&)>;

Result<StoreFindings> verify(const std::string& store, const OnFault& on_fault) {
  if (is_postgres_url(store)) return verify_postgres(store, on_fault);
  constexpr std::string_view scheme = "rocksdb:";
  const auto opened =
      OfflineStore::open(store.starts_with(scheme) ? store.substr(scheme.size()) : store);
  if (!opened) return opened.error();
  if (auto known = opened->check_schema(); !known) return known.error();
  return RocksVerifier{*opened, on_fault}.run();
}

}  // namespace

Result<StoreFindings> verify_store(const std::string& store, const OnFault& on_fault) {
  try {
    return verify(store, on_fault);
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, std::string{"While verifying the store: "} + thrown.what()};
  }
}

}  // namespace carillon::persistence
