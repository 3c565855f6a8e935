#include "tools/carillond/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace carillon::carillond {

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  // Refused, what was there stays: descriptors_max() tells.
  [[maybe_unused]] const int refused = ::setrlimit(RLIMIT_NOFILE, &raised);
}

std::uint64_t descriptors_max() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

std::uint64_t connections_that_fit(std::uint64_t descriptors, std::uint64_t shards) {
  // What is open beside connections and tables: some 20, and RocksDB's logs, with what a
  // compaction or a backup opens for a while; three of each shard's loop.
  const auto process = 64 + 4 * shards;
  // RocksDB keeps its tables open: one per 64 MiB of history and level. A quarter, where a
  // thousand in all would be most of what there is.
  constexpr std::uint64_t others_max = 1'024;
  const auto others = std::min(std::max(others_max, process), process + descriptors / 4);
  return descriptors > others ? descriptors - others : 1;
}

void add_descriptor_metrics(std::vector<net::MetricSample>& samples) {
  samples.push_back({.name = "carillon_descriptors_max",
                     .help = "Descriptors that the process may have open.",
                     .counter = false,
                     .value = static_cast<double>(descriptors_max())});
}

}  // namespace carillon::carillond
