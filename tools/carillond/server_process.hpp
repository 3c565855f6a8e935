#pragma once

#include "tools/carillond/config_load.hpp"

namespace carillon::carillond {

/// Runs the server until SIGTERM or SIGINT. Returns the process's exit code: 0
/// after a complete drain; 1, with one line on standard error, if it can't start.
/// `sources` are read again at SIGHUP. The calling thread only waits for signals.
[[nodiscard]] int serve(const Config& config, const Sources& sources);

}  // namespace carillon::carillond
