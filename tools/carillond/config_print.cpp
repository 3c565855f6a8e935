#include "tools/carillond/config_print.hpp"

#include <fmt/format.h>

namespace carillon::carillond {

std::string print_config(const LoadedConfig& loaded) {
  std::string out =
      "# Configuration of carillond. A flag is stronger than the environment, that "
      "than the file.\n";
  auto shown = loaded.config;
  shown.store.url = persistence::shown_store_url(shown.store.url);
  for (const auto& key : config_keys()) {
    const auto origin = loaded.origins.find(key.name);
    out += fmt::format("\n# {}{}\n{} = {}  # {}\n", key.help,
                       key.live ? " (SIGHUP reloads it)" : "", key.name, to_toml(key, shown),
                       origin == loaded.origins.end() ? "default" : origin->second);
  }
  return out;
}

}  // namespace carillon::carillond
