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

std::uint64_t connections_that_fit(std::uint64_t descriptors) {
  // RocksDB keeps its files open: one per 64 MiB of history and level. A quarter,
  // where a thousand would be most of what there is.
  constexpr std::uint64_t others_max = 1'024;
  return descriptors - std::min(others_max, descriptors / 4);
}

void add_descriptor_metrics(std::vector<net::MetricSample>& samples) {
  samples.push_back({.name = "carillon_descriptors_max",
                     .help = "Descriptors that the process may have open.",
                     .counter = false,
                     .value = static_cast<double>(descriptors_max())});
}

}  // namespace carillon::carillond
