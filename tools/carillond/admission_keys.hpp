#pragma once

#include "tools/carillond/config_keys.hpp"

#include <span>

namespace carillon::carillond {

/// The keys of who gets in and how fast, and of the sockets; a part of config_keys().
[[nodiscard]] std::span<const Key> admission_keys();

}  // namespace carillon::carillond
