#include "tools/carillond/command_line.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <string>

namespace carillon::carillond {
namespace {

std::string help_of(const Key& key) {
  std::string help{key.help};
  // data_dir and store explain their default themselves.
  if (key.name != "data_dir" && key.name != "store" && key.name != "insecure")
    help += fmt::format(" [{}]", to_toml(key, Config{}));
  return help;
}

void add_keys(CLI::App& app, std::map<std::string, std::string>& values) {
  for (const auto& key : config_keys()) {
    auto& value = values[std::string{key.name}];
    Config defaults;
    if (std::holds_alternative<bool*>(key.field(defaults)))
      app.add_flag(flag_of(key), value, help_of(key));
    else
      app.add_option(flag_of(key), value, help_of(key))->type_name(std::string{key.type_name});
  }
}

// What the user gave; an option that is absent says nothing.
std::map<std::string, std::string> given(const CLI::App& app,
                                         const std::map<std::string, std::string>& values) {
  std::map<std::string, std::string> flags;
  for (const auto& key : config_keys())
    if (app.count(flag_of(key)) > 0) flags.emplace(key.name, values.at(std::string{key.name}));
  return flags;
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  CLI::App app{"Carillon's server: keeps every user's events and broadcasts them live.",
               "carillond"};
  app.set_version_flag("--version", "carillond " CARILLON_VERSION);
  app.footer(
      "Each key is also an environment variable (CARILLON_DATA_DIR) and a key of the file\n"
      "(data_dir = \"…\"). A flag is stronger than the environment, that than the file.\n"
      "When ready: one line `listening on http://HOST:PORT` on standard error.\n"
      "SIGTERM drains and ends with 0; SIGHUP reloads the file; whatever can't start ends with 1.");

  std::map<std::string, std::string> values;
  std::string file;
  bool check = false;
  bool print = false;
  app.add_option("--config", file, "configuration file (TOML)")
      ->type_name("FILE")
      ->envname("CARILLON_CONFIG");
  add_keys(app, values);
  auto* check_flag =
      app.add_flag("--check-config", check, "read the configuration, report every fault, and end");
  app.add_flag("--print-config", print, "print the effective configuration as TOML, and end")
      ->excludes(check_flag);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    return {std::nullopt, app.exit(wish)};
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "carillond: {} (--help lists the options)\n", error.what());
    return {std::nullopt, 1};
  }

  CommandLine command;
  if (check) command.task = Task::check_config;
  if (print) command.task = Task::print_config;
  command.sources.flags = given(app, values);
  command.sources.environment = carillon_environment();
  if (!file.empty()) command.sources.file = file;
  return {std::move(command), 0};
}

}  // namespace carillon::carillond
