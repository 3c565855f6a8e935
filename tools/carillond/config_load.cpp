#include "tools/carillond/config_load.hpp"

#include "tools/carillond/config_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace carillon::carillond {
namespace {

using std::string_view;
using Form = RawValue::Form;

constexpr string_view environment_prefix = "CARILLON_";
// Variables of the client, and the one that names the file.
constexpr std::array<string_view, 4> other_variables{"CARILLON_CONFIG", "CARILLON_URL",
                                                     "CARILLON_TOKEN", "CARILLON_USER"};

std::string shown(const RawValue& value) {
  switch (value.form) {
    case Form::other:
      return "of type " + value.text;
    case Form::integer:
    case Form::boolean:
      return value.text;
    default:
      return "\"" + value.text + "\"";
  }
}

void apply(LoadedConfig& loaded, const Key& key, const RawValue& value, const std::string& origin) {
  const auto wrong = assign(key, value, loaded.config);
  if (wrong)
    loaded.faults.push_back(
        fmt::format("{}: {} is {}: {}", origin, key.name, shown(value), *wrong));
  else
    loaded.origins.insert_or_assign(std::string{key.name}, origin);
}

std::string unknown_key(string_view name) {
  const auto nearest = nearest_key(name);
  const auto hint = nearest.empty() ? std::string{"; --help lists the keys"}
                                    : fmt::format("; did you mean {}?", nearest);
  return fmt::format("unknown key {}{}", name, hint);
}

void apply_file(LoadedConfig& loaded, const std::filesystem::path& path) {
  const auto content = read_config_file(path);
  if (!content.fault.empty()) loaded.faults.push_back(content.fault);
  for (const auto& entry : content.entries) {
    const auto origin = fmt::format("{}:{}", path.string(), entry.line);
    if (const auto* key = find_key(entry.key))
      apply(loaded, *key, entry.value, origin);
    else
      loaded.faults.push_back(fmt::format("{}: {}", origin, unknown_key(entry.key)));
  }
}

void apply_environment(LoadedConfig& loaded, const std::map<std::string, std::string>& variables) {
  auto unknown = variables;
  for (const auto& key : config_keys()) {
    const auto found = variables.find(environment_of(key));
    if (found == variables.end()) continue;
    apply(loaded, key, {Form::word, found->second}, found->first);
    unknown.erase(found->first);
  }
  // A warning, not a fault: somebody else may use the prefix (Kubernetes makes
  // CARILLON_PORT and its like for a service of this name).
  for (const auto& [variable, value] : unknown)
    if (std::ranges::find(other_variables, variable) == other_variables.end())
      loaded.warnings.push_back(variable + " is set, but no configuration key has this name");
}

void check_together(LoadedConfig& loaded) {
  const auto& config = loaded.config;
  if (config.data_dir.empty())
    loaded.faults.emplace_back(
        "data_dir has no default, because neither HOME nor XDG_STATE_HOME is set: name one with "
        "--data-dir DIR");
  if (auto known = persistence::check_store_url(store_url(config)); !known)
    loaded.faults.push_back("store: " + known.error().text());
  if (config.auth == "none" && !config.insecure && !is_loopback(config.listen))
    loaded.faults.push_back(fmt::format(
        "auth = \"none\" on {} would let every machine that reaches it act as any user: listen on "
        "127.0.0.1 or [::1], or add --insecure",
        to_string(config.listen)));
}

}  // namespace

std::string default_data_dir() {
  if (::geteuid() == 0) return "/var/lib/carillon";
  // Read before any thread is started.
  const char* state = std::getenv("XDG_STATE_HOME");  // NOLINT(concurrency-mt-unsafe)
  // The XDG specification: a relative path is invalid and to be ignored.
  if (state != nullptr && state[0] == '/') return std::string{state} + "/carillon";
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): as above
  if (home != nullptr && home[0] == '/') return std::string{home} + "/.local/state/carillon";
  return {};
}

std::string store_url(const Config& config) {
  return config.store.url.empty() ? "rocksdb:" + config.data_dir + "/store" : config.store.url;
}

std::map<std::string, std::string> carillon_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const string_view variable{*entry};
    const auto equals = variable.find('=');
    if (variable.starts_with(environment_prefix) && equals != string_view::npos)
      variables.emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return variables;
}

LoadedConfig load_config(const Sources& sources) {
  LoadedConfig loaded;
  loaded.config.data_dir = default_data_dir();
  if (sources.file) apply_file(loaded, *sources.file);
  apply_environment(loaded, sources.environment);
  for (const auto& key : config_keys()) {
    const auto found = sources.flags.find(std::string{key.name});
    if (found != sources.flags.end()) apply(loaded, key, {Form::word, found->second}, flag_of(key));
  }
  check_together(loaded);
  return loaded;
}

ReloadOutcome reload_live_keys(Config& running, const Config& wanted) {
  ReloadOutcome outcome;
  for (const auto& key : config_keys()) {
    const auto value = to_toml(key, wanted);
    if (value == to_toml(key, running)) continue;
    if (!key.live) {
      outcome.needs_restart.emplace_back(key.name);
      continue;
    }
    auto source = wanted;
    std::visit([&](auto* to) { *to = *std::get<decltype(to)>(key.field(source)); },
               key.field(running));
    outcome.applied.emplace_back(key.name);
  }
  return outcome;
}

}  // namespace carillon::carillond
