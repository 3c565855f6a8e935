#pragma once

#include "carillon/net/server_options.hpp"
#include "carillon/persistence/store.hpp"
#include "carillon/persistence/write_behind.hpp"

#include <vector>

namespace carillon::carillond {

/// What GET /metrics tells of write-behind and of the store below it. Any thread.
void add_store_metrics(const persistence::WriteBehind& log,
                       const persistence::Store& store,
                       std::vector<net::MetricSample>& samples);

}  // namespace carillon::carillond
