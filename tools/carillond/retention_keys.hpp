#pragma once

#include "tools/carillond/config_keys.hpp"

#include <span>

namespace carillon::carillond {

/// The keys of how long the store keeps events; a part of config_keys().
[[nodiscard]] std::span<const Key> retention_keys();

}  // namespace carillon::carillond
