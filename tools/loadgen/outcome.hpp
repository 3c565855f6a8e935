#pragma once

#include "tools/loadgen/options.hpp"
#include "tools/loadgen/result.hpp"

#include <string>
#include <vector>

namespace carillon::loadgen {

/// What kept the run from doing all that it was asked to do, in words: connections
/// that were lost, events that were not sent or not answered, an interruption.
/// Empty if nothing did. `result` has all its counts.
[[nodiscard]] std::vector<std::string> find_shortfalls(const Options& options,
                                                       const Result& result);

/// What the process ends with: one of the exit codes of options.hpp.
[[nodiscard]] int exit_code_of(const Options& options, const Result& result);

}  // namespace carillon::loadgen
