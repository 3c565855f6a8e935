#pragma once

#include "carillon/engine/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace carillon::persistence {

/// One thing in a store that contradicts itself or another.
struct StoreFault {
  std::string where;  ///< the row or file, readable: `counts of user …`
  std::string what;
};

/// What a store holds, and how sound it is.
struct StoreFindings {
  std::uint64_t users = 0;       ///< with any row; without the broadcasts' own
  std::uint64_t events = 0;      ///< users' own, deleted ones included
  std::uint64_t broadcasts = 0;  ///< deleted by nobody, or by whomever
  std::uint64_t deleted = 0;     ///< of `events`
  std::uint64_t marks = 0;       ///< what users made of broadcasts
  std::uint64_t bytes = 0;       ///< on disk
  std::uint64_t faults = 0;
  /// What could not be checked, because of a fault or because this kind of store keeps
  /// it to itself.
  std::vector<std::string> unchecked{};
};

/// Checks a store without changing anything in it: the checksum of every block, that
/// every row can be read, that events and ids lead to one another, that counts and kinds
/// are what the events add up to, that sequences keep to what was reserved, and that
/// marks belong to broadcasts.
///
/// `store` is a directory (of a store, of a backup, or the server's data directory) or
/// `rocksdb:PATH`, which no server may have open; or `postgresql://…`, also while it is
/// served. `on_fault` is called for each fault, in the order of the rows.
///
/// One thread; reads all of the store, in memory bounded by its busiest user's kinds.
/// Fails if it can't be opened: not_found, locked, io, unavailable, corrupt,
/// unsupported_version, invalid_argument.
[[nodiscard]] engine::Result<StoreFindings> verify_store(
    const std::string& store, const std::function<void(const StoreFault&)>& on_fault);

}  // namespace carillon::persistence
