#pragma once

#include "carillon/persistence/verify_store.hpp"

#include <functional>
#include <string>

namespace carillon::persistence {

/// verify_store of a PostgreSQL database: one transaction that only reads, so that it
/// sees one moment of a store that is served. Keys and references are PostgreSQL's own to
/// keep, and the checksums of its pages pg_amcheck's to check.
[[nodiscard]] engine::Result<StoreFindings> verify_postgres(
    const std::string& url, const std::function<void(const StoreFault&)>& on_fault);

}  // namespace carillon::persistence
