#include "engine/src/event_rules.hpp"

#include "carillon/engine/event_parser.hpp"

#include <algorithm>

namespace carillon::engine::detail {
namespace {

bool is_kind_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_snake_case(std::string_view value) noexcept {
  bool after_word = false;
  for (const char c : value) {
    if (c == '_' && after_word) {
      after_word = false;
    } else if (is_kind_char(c)) {
      after_word = true;
    } else {
      return false;
    }
  }
  return after_word;
}

/// Whether a `\u` escape of a surrogate stands at `at`: a high one ('8', '9',
/// 'a', 'b' after the 'd') or a low one ('c' to 'f').
bool is_surrogate(std::string_view json, std::size_t at, std::string_view third_digits) noexcept {
  const auto escape = json.substr(std::min(at, json.size()), 4);
  return escape.size() == 4 && escape[0] == '\\' && escape[1] == 'u' &&
         (escape[2] == 'd' || escape[2] == 'D') &&
         third_digits.find(escape[3]) != std::string_view::npos;
}

/// Half of a pair, which no UTF-8 text can hold. RFC 8259 (section 8.2) leaves open what a
/// receiver makes of it, and many refuse the whole text: a page of a list, for one event.
bool has_lone_surrogate(std::string_view json) noexcept {
  constexpr std::size_t escape_bytes = 6;  // \uXXXX
  auto at = json.find('\\');
  while (at != std::string_view::npos) {
    const bool high = is_surrogate(json, at, "89abAB");
    const bool low = is_surrogate(json, at + (high ? escape_bytes : 0), "cdefCDEF");
    if (high != low) return true;
    at = json.find('\\', at + (high ? 2 * escape_bytes : 2));
  }
  return false;
}

void check_surrogates(std::string_view field, std::string_view json, std::vector<Fault>& faults) {
  if (has_lone_surrogate(json))
    faults.push_back(
        {std::string{field},
         "holds half of a surrogate pair (\\uD800 to \\uDFFF), which is no character"});
}

std::size_t code_points(std::string_view description_json) noexcept {
  constexpr std::size_t escape_bytes = 6;  // \uXXXX
  std::size_t count = 0;
  for (std::size_t at = 0; at < description_json.size(); ++count) {
    if (description_json[at] != '\\') {
      ++at;
      while (at < description_json.size() &&
             (static_cast<unsigned char>(description_json[at]) & 0xC0U) == 0x80U)
        ++at;  // continues a UTF-8 sequence
    } else if (description_json.substr(at, 2) != "\\u") {
      at += 2;
    } else {
      // A pair is one character; a lone surrogate is reported elsewhere.
      const bool pair = is_surrogate(description_json, at, "89abAB") &&
                        is_surrogate(description_json, at + escape_bytes, "cdefCDEF");
      at += pair ? 2 * escape_bytes : escape_bytes;
    }
  }
  return count;
}

/// Skips one well-formed JSON string; `at` is on its opening quote.
std::size_t skip_string(std::string_view json, std::size_t at) noexcept {
  for (++at; at < json.size() && json[at] != '"'; ++at)
    if (json[at] == '\\') ++at;
  return at + 1;
}

/// Whether a minified, well-formed object has a member of one of these names.
bool has_error_member(std::string_view object) {
  std::size_t levels = 0;
  for (std::size_t at = 0; at < object.size();) {
    const char c = object[at];
    if (c == '"') {
      const auto end = skip_string(object, at);
      if (levels == 1 && end < object.size() && object[end] == ':') {
        const auto name = unescape_json(object.substr(at + 1, end - at - 2));
        if (name == "error" || name == "err") return true;
      }
      at = end;
      continue;
    }
    if (c == '{' || c == '[') ++levels;
    if (c == '}' || c == ']') --levels;
    ++at;
  }
  return false;
}

}  // namespace

void check_kind(std::string_view field, std::string_view value, std::vector<Fault>& faults) {
  if (value.empty()) {
    faults.push_back({std::string{field}, "is required"});
  } else if (value.size() > kind_bytes_max) {
    faults.push_back({std::string{field}, "is " + std::to_string(value.size()) +
                                              " bytes long; at most " +
                                              std::to_string(kind_bytes_max) + " are allowed"});
  } else if (!is_snake_case(value)) {
    faults.push_back({std::string{field},
                      "must be snake_case: words of a-z and 0-9 joined by single underscores"});
  }
}

std::optional<Severity> check_severity(std::string_view severity, std::vector<Fault>& faults) {
  if (severity.empty()) {
    faults.push_back({"severity", "is required"});
    return std::nullopt;
  }
  const auto parsed = parse_severity(severity);
  if (!parsed)
    faults.push_back({"severity",
                      "must be one of alert, critical, debug, emergency, error, informational "
                      "(or info), success, warning (or warn)"});
  return parsed;
}

void check_description(std::string_view description_json, std::vector<Fault>& faults) {
  check_surrogates("description", description_json, faults);
  if (description_json.size() <= description_chars_max) return;  // at least a byte each
  const auto count = code_points(description_json);
  if (count > description_chars_max)
    faults.push_back({"description", "is " + std::to_string(count) + " characters long; at most " +
                                         std::to_string(description_chars_max) + " are allowed"});
}

void check_metadata(std::optional<Severity> severity,
                    std::string_view metadata_json,
                    std::vector<Fault>& faults) {
  check_surrogates("metadata", metadata_json, faults);
  if (severity == Severity::error && !has_error_member(metadata_json))
    faults.push_back({"metadata", "must hold \"error\" or \"err\" when severity is error"});
}

}  // namespace carillon::engine::detail
