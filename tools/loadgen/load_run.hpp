#pragma once

#include "tools/loadgen/options.hpp"
#include "tools/loadgen/result.hpp"

#include <functional>
#include <stdexcept>

namespace carillon::loadgen {

/// The server could not be reached, or did not agree to what the run needs.
struct Unreachable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where a run is, for who watches it.
struct Progress {
  const char* phase = "";
  double done = 0.0;  ///< of the phase, 0 to 1
  std::uint64_t connected = 0;
  std::uint64_t connections = 0;
  Sample last{};
};

/// Runs a load to its end, on the calling thread. `watch` is called some times a
/// second. Throws std::invalid_argument for options that make no sense, and
/// Unreachable. SIGINT and SIGTERM end the publishing early.
[[nodiscard]] Result run_load(const Options& options,
                              const std::function<void(const Progress&)>& watch);

}  // namespace carillon::loadgen
