#include "carillon/persistence/open_store.hpp"

#include "persistence/src/memory_store.hpp"
#include "persistence/src/postgres_store.hpp"
#include "persistence/src/postgres_url.hpp"
#include "persistence/src/rocks_store.hpp"

#include <exception>
#include <string_view>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;

constexpr std::string_view rocksdb_scheme = "rocksdb:";
constexpr std::string_view memory_scheme = "memory:";

Result<std::unique_ptr<Store>> open_by_scheme(const StoreOptions& options) {
  if (options.columns_chunk_rows == 0 || options.columns_chunk_rows > 65'535)
    return Error{Errc::invalid_argument, "columns_chunk_rows is from 1 to 65,535"};
  if (auto known = check_store_url(options.url); !known) return known.error();
  const std::string_view url = options.url;
  if (url.starts_with(rocksdb_scheme))
    return RocksStore::open(std::string{url.substr(rocksdb_scheme.size())}, options);
  if (url != memory_scheme) return PostgresStore::open(options);
  if (options.memory_bytes_max == 0)
    return Error{Errc::invalid_argument, "The store memory: needs memory_bytes_max above 0"};
  return std::unique_ptr<Store>{std::make_unique<MemoryStore>(options)};
}

}  // namespace

Result<void> Store::backup(const std::string& /*directory*/) const {
  return Error{
      Errc::unsupported,
      "The store memory: has no backup: what it holds is meant to be lost with the process"};
}

Result<RetentionStep> Store::retain(engine::Timestamp /*now*/,
                                    std::chrono::microseconds /*budget*/) {
  return RetentionStep{};
}

void Store::set_retention(const RetentionOptions& /*options*/) {
}

Result<std::unique_ptr<Store>> open_store(const StoreOptions& options) {
  try {
    return open_by_scheme(options);
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, "While opening the store '" + shown_store_url(options.url) +
                                        "': " + thrown.what()};
  }
}

Result<void> check_store_url(const std::string& url) {
  if (url == rocksdb_scheme)
    return Error{Errc::invalid_argument, "The store rocksdb: needs a directory: rocksdb:PATH"};
  if (url == memory_scheme || url.starts_with(rocksdb_scheme)) return {};
  if (!is_postgres_url(url))
    return Error{Errc::invalid_argument, "The store '" + url +
                                             "' is of no known kind; supported are rocksdb:PATH, "
                                             "postgresql://… and memory:"};
  if (const auto target = parse_postgres_url(url); !target) return target.error();
  return {};
}

std::string shown_store_url(std::string_view url) {
  return without_passwords(url);
}

}  // namespace carillon::persistence
