#include "tools/carillond/command_line.hpp"
#include "tools/carillond/config_print.hpp"
#include "tools/carillond/server_process.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>

namespace carillon::carillond {
namespace {

void report(const LoadedConfig& loaded) {
  for (const auto& warning : loaded.warnings)
    fmt::print(stderr, "carillond: warning: {}\n", warning);
  for (const auto& fault : loaded.faults)
    fmt::print(stderr, "carillond: {}\n", fault);
}

int run(const CommandLine& command) {
  const auto loaded = load_config(command.sources);
  report(loaded);
  if (!loaded.faults.empty()) return 1;
  switch (command.task) {
    case Task::check_config:
      fmt::print("the configuration is valid\n");
      return 0;
    case Task::print_config:
      fmt::print("{}", print_config(loaded));
      return 0;
    case Task::serve:
      break;
  }
  return serve(loaded.config, command.sources);
}

}  // namespace
}  // namespace carillon::carillond

int main(int argc, char** argv) {
  try {
    const auto parsed = carillon::carillond::parse_command_line(argc, argv);
    return parsed.command ? carillon::carillond::run(*parsed.command) : parsed.exit_code;
  } catch (const std::exception& error) {
    std::fputs(("carillond: " + std::string{error.what()} + "\n").c_str(), stderr);
    return 1;
  }
}
