#pragma once

#include "carillon/net/server_options.hpp"

#include <cstdint>
#include <vector>

namespace carillon::carillond {

/// A connection is a descriptor, and the soft limit is 1,024 on many systems:
/// raises it to the hard one, as far as that goes.
void raise_descriptor_limit();

/// The limit in force; 0 if it can't be read.
[[nodiscard]] std::uint64_t descriptors_max();

/// How many connections leave enough descriptors for the store's files, for the process
/// itself with so many shards, and for refused clients that are still told why. At least 1,
/// also where nothing fits.
[[nodiscard]] std::uint64_t connections_that_fit(std::uint64_t descriptors, std::uint64_t shards);

/// `carillon_descriptors_max`.
void add_descriptor_metrics(std::vector<net::MetricSample>& samples);

}  // namespace carillon::carillond
