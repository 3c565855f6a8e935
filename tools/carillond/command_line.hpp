#pragma once

#include "tools/carillond/config_load.hpp"

#include <cstdint>
#include <optional>

namespace carillon::carillond {

enum class Task : std::uint8_t { serve, check_config, print_config };

struct CommandLine {
  Task task = Task::serve;
  Sources sources;
};

/// Reads the command line. Without a value the process is done (--help,
/// --version, a usage error; what there was to say was said): exit with `exit_code`.
struct ParsedCommandLine {
  std::optional<CommandLine> command;
  int exit_code = 0;
};
[[nodiscard]] ParsedCommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace carillon::carillond
