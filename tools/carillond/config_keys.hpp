#pragma once

#include "tools/carillond/config.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace carillon::carillond {

/// A field of a Config. Its type decides which values a key takes.
using Field = std::variant<std::string*,
                           bool*,
                           std::uint64_t*,
                           std::uint32_t*,
                           std::chrono::milliseconds*,
                           ListenAddress*>;

enum class Unit : std::uint8_t { none, bytes };

/// One configuration key. From this list come the flags, the environment's
/// names, the keys of the file, --print-config and --help.
struct Key {
  std::string_view name;  ///< in the file; `--data-dir` and CARILLON_DATA_DIR follow from it
  Field (*field)(Config&);
  std::string_view help;
  std::string_view type_name;                   ///< in --help: FILE, HOST:PORT, …
  Unit unit = Unit::none;                       ///< of numbers
  std::uint64_t min = 0;                        ///< of numbers; of durations in milliseconds
  std::uint64_t max = 0;                        ///< inclusive
  std::span<const std::string_view> choices{};  ///< of texts and numbers; empty: any
  bool live = false;                            ///< SIGHUP can change it
};

/// Every key, in the order in which they are shown.
[[nodiscard]] std::span<const Key> config_keys();
[[nodiscard]] const Key* find_key(std::string_view name);
/// The known name that `name` was probably meant to be, or empty.
[[nodiscard]] std::string_view nearest_key(std::string_view name);

[[nodiscard]] std::string flag_of(const Key& key);         ///< --data-dir
[[nodiscard]] std::string environment_of(const Key& key);  ///< CARILLON_DATA_DIR

/// A value as its source wrote it.
struct RawValue {
  /// `word`: from a flag or the environment, where everything is text;
  /// the others: a TOML value of that type. `other` carries the type's name.
  enum class Form : std::uint8_t { word, text, integer, boolean, other };

  Form form = Form::word;
  std::string text;
};

/// Puts the value into the key's field. Returns what would have been right,
/// as the end of a sentence, if the value is wrong; the field is then untouched.
[[nodiscard]] std::optional<std::string> assign(const Key& key,
                                                const RawValue& value,
                                                Config& config);

/// The field's value as TOML: quoted text, a number, true, "30s".
[[nodiscard]] std::string to_toml(const Key& key, const Config& config);

}  // namespace carillon::carillond
