#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace carillon::loadgen {

/// CPU time and memory of processes, summed.
struct ProcessStats {
  double cpu_s = 0.0;
  std::uint64_t resident_bytes = 0;   ///< VmRSS
  std::uint64_t anonymous_bytes = 0;  ///< RssAnon and RssShmem: without the files that it maps
};

/// Throws std::runtime_error that names the process which cannot be read.
[[nodiscard]] ProcessStats read_process_stats(const std::vector<pid_t>& pids);

/// On how many processors the process may run; 1 if that can't be read.
[[nodiscard]] unsigned processors_of(pid_t pid);

/// CPU time of this process.
[[nodiscard]] double own_cpu_s();
/// How long this thread was ready to run and had no processor; 0 if the kernel
/// does not tell.
[[nodiscard]] double own_wait_s();

}  // namespace carillon::loadgen
