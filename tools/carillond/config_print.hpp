#pragma once

#include "tools/carillond/config_load.hpp"

#include <string>

namespace carillon::carillond {

/// The effective configuration as TOML that --config reads back, each value
/// with where it came from as a comment. Passwords are shown as ***.
[[nodiscard]] std::string print_config(const LoadedConfig& loaded);

}  // namespace carillon::carillond
