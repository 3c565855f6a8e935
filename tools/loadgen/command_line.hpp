#pragma once

#include "tools/loadgen/options.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace carillon::loadgen {

/// What the command line asks for; or, without a command, what to print: help
/// (exit code 0, standard output), or what is wrong (standard error).
struct CommandLine {
  std::optional<std::variant<Options, ReportOptions>> command;
  int exit_code = exit_success;
  std::string text;
};

/// `arguments` without the program's name.
[[nodiscard]] CommandLine parse_command_line(std::vector<std::string> arguments);

}  // namespace carillon::loadgen
