#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <string>

namespace carillon::loadgen {

/// An option that takes a number with its unit, such as 500ms, 10s, 2min; its
/// default is what `value` is.
void add_duration(CLI::App& app,
                  const char* name,
                  std::chrono::milliseconds& value,
                  const std::string& help);

}  // namespace carillon::loadgen
