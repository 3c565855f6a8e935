// Reading and showing the values of configuration keys: assign() and to_toml().

#include "carillon/engine/event_parser.hpp"
#include "tools/carillond/config_keys.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <type_traits>

namespace carillon::carillond {
namespace {

using std::string_view;
using std::chrono::milliseconds;
using Form = RawValue::Form;

struct Suffix {
  string_view text;
  std::uint64_t factor;
};
constexpr std::array<Suffix, 4> byte_suffixes{
    {{"KiB", 1ULL << 10U}, {"MiB", 1ULL << 20U}, {"GiB", 1ULL << 30U}, {"B", 1}}};
// "ms" before "s", of which it is an ending.
constexpr std::array<Suffix, 5> time_suffixes{
    {{"ms", 1}, {"s", 1'000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

std::optional<std::uint64_t> parse_number(string_view text) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> parse_suffixed(string_view text, std::span<const Suffix> suffixes) {
  for (const auto& suffix : suffixes) {
    if (!text.ends_with(suffix.text)) continue;
    const auto number = parse_number(text.substr(0, text.size() - suffix.text.size()));
    if (!number || *number > UINT64_MAX / suffix.factor) return std::nullopt;
    return *number * suffix.factor;
  }
  return std::nullopt;
}

std::string show_bytes(std::uint64_t bytes) {
  for (const auto& suffix : {byte_suffixes[2], byte_suffixes[1], byte_suffixes[0]})
    if (bytes >= suffix.factor && bytes % suffix.factor == 0)
      return fmt::format("{}{}", bytes / suffix.factor, suffix.text);
  return fmt::format("{}B", bytes);
}

std::string show_time(std::uint64_t time_ms) {
  constexpr std::uint64_t day_ms = 86'400'000;
  if (time_ms > day_ms && time_ms % day_ms == 0) return fmt::format("{}d", time_ms / day_ms);
  if (time_ms >= 3'600'000 && time_ms % 3'600'000 == 0)
    return fmt::format("{}h", time_ms / 3'600'000);
  return time_ms % 1'000 == 0 ? fmt::format("{}s", time_ms / 1'000) : fmt::format("{}ms", time_ms);
}

std::string expected_choice(const Key& key) {
  return fmt::format("expected one of {}", fmt::join(key.choices, ", "));
}

bool is_choice(const Key& key, string_view text) {
  return key.choices.empty() || std::ranges::find(key.choices, text) != key.choices.end();
}

/// Reads a number of bytes or things; nullopt: wrong form or out of range.
std::optional<std::uint64_t> read_number(const Key& key, const RawValue& value) {
  const bool as_text = value.form == Form::text;
  const bool plain = value.form == Form::word || value.form == Form::integer;
  auto number = plain ? parse_number(value.text) : std::nullopt;
  if (!number && key.unit == Unit::bytes && (as_text || value.form == Form::word))
    number = parse_suffixed(value.text, byte_suffixes);
  if (!number || *number < key.min || *number > key.max) return std::nullopt;
  return number;
}

std::string expected_number(const Key& key) {
  if (!key.choices.empty()) return expected_choice(key);
  if (key.unit == Unit::bytes)
    return fmt::format("expected a number of bytes from {} to {}, such as {} or \"{}\"",
                       show_bytes(key.min), show_bytes(key.max), key.min, show_bytes(key.min));
  return fmt::format("expected an integer from {} to {}", key.min, key.max);
}

/// Assigns to the field of each type; the result is assign()'s.
struct Assign {
  const Key& key;
  const RawValue& value;
  using Outcome = std::optional<std::string>;

  [[nodiscard]] bool is_text() const {
    return value.form == Form::word || value.form == Form::text;
  }

  Outcome operator()(std::string* field) const {
    if (!is_text()) return key.choices.empty() ? "expected a text in quotes" : expected_choice(key);
    if (!is_choice(key, value.text)) return expected_choice(key);
    *field = value.text;
    return std::nullopt;
  }

  Outcome operator()(bool* field) const {
    const bool allowed = value.form == Form::word || value.form == Form::boolean;
    if (!allowed || (value.text != "true" && value.text != "false"))
      return "expected true or false";
    *field = value.text == "true";
    return std::nullopt;
  }

  Outcome operator()(std::uint64_t* field) const { return number(*field); }
  Outcome operator()(std::uint32_t* field) const { return number(*field); }

  template <class Number>
  Outcome number(Number& field) const {
    const auto read = read_number(key, value);
    if (!read || !is_choice(key, std::to_string(*read))) return expected_number(key);
    field = static_cast<Number>(*read);  // the key's max keeps it in range
    return std::nullopt;
  }

  Outcome operator()(milliseconds* field) const {
    const auto read = is_text() ? parse_suffixed(value.text, time_suffixes) : std::nullopt;
    if (!read || *read < key.min || *read > key.max)
      return fmt::format(
          "expected a time from {} to {} with its unit (ms, s, min, h, d), such as \"30s\"",
          show_time(key.min), show_time(key.max));
    *field = milliseconds{*read};
    return std::nullopt;
  }

  Outcome operator()(ListenAddress* field) const {
    const auto address = is_text() ? parse_listen_address(value.text) : std::nullopt;
    if (!address)
      return "expected an IP address and a port, such as \"127.0.0.1:9081\" or \"[::1]:9081\"";
    *field = *address;
    return std::nullopt;
  }
};

std::string quoted(string_view text) {
  std::string out;
  engine::append_json_string(out, text);  // a TOML basic string has the escapes of JSON
  return out;
}

}  // namespace

std::optional<std::string> assign(const Key& key, const RawValue& value, Config& config) {
  return std::visit(Assign{key, value}, key.field(config));
}

std::string to_toml(const Key& key, const Config& config) {
  auto copy = config;  // field() lends a mutable field; a Config is small
  return std::visit(
      [](const auto* field) -> std::string {
        using T = std::remove_cvref_t<decltype(*field)>;
        if constexpr (std::is_same_v<T, std::string>)
          return quoted(*field);
        else if constexpr (std::is_same_v<T, milliseconds>)
          return quoted(show_time(static_cast<std::uint64_t>(field->count())));
        else if constexpr (std::is_same_v<T, ListenAddress>)
          return quoted(to_string(*field));
        else
          return fmt::format("{}", *field);
      },
      key.field(copy));
}

}  // namespace carillon::carillond
