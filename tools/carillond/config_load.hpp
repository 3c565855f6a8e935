#pragma once

#include "tools/carillond/config.hpp"
#include "tools/carillond/config_keys.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace carillon::carillond {

/// Where values come from; the stronger source first.
struct Sources {
  std::map<std::string, std::string> flags;        ///< by key name
  std::map<std::string, std::string> environment;  ///< by variable, CARILLON_… only
  std::optional<std::filesystem::path> file;
};

/// A configuration, where each value came from, and everything that is wrong.
struct LoadedConfig {
  Config config;
  /// By key name: "--listen", "CARILLON_LISTEN", "/etc/carillon.toml:3"; a key
  /// that is not here has its default.
  std::map<std::string, std::string, std::less<>> origins;
  std::vector<std::string> faults;    ///< one sentence each; empty: `config` is usable
  std::vector<std::string> warnings;  ///< probably a mistake, but it can't be known
};

/// Reads all sources: flag before environment before file before default.
/// Reports every fault, also of values that a stronger source overrides.
[[nodiscard]] LoadedConfig load_config(const Sources& sources);

/// The variables of this process that begin with CARILLON_.
[[nodiscard]] std::map<std::string, std::string> carillon_environment();

/// Applies what may change while the server runs to `running`. Returns the
/// names of the keys that changed and need a restart.
struct ReloadOutcome {
  std::vector<std::string> applied;
  std::vector<std::string> needs_restart;
};
[[nodiscard]] ReloadOutcome reload_live_keys(Config& running, const Config& wanted);

}  // namespace carillon::carillond
