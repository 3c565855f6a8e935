#pragma once

#include "carillon/net/server_options.hpp"
#include "carillon/persistence/write_behind.hpp"

#include <vector>

namespace carillon::carillond {

/// What GET /metrics tells of write-behind. Any thread.
void add_store_metrics(const persistence::WriteBehind& log,
                       std::vector<net::MetricSample>& samples);

}  // namespace carillon::carillond
