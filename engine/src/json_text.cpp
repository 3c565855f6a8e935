#include "carillon/engine/event_parser.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>

namespace carillon::engine {
namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c - 'A' + 10;
}

std::uint32_t read_unit(std::string_view escaped, std::size_t at) noexcept {
  std::uint32_t unit = 0;
  for (std::size_t i = 0; i < 4; ++i)
    unit = (unit << 4U) | static_cast<std::uint32_t>(hex_value(escaped[at + i]));
  return unit;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto byte = [&out](std::uint32_t value) { out.push_back(static_cast<char>(value)); };
  if (point < 0x80) return byte(point);
  if (point < 0x800) {
    byte(0xC0U | (point >> 6U));
  } else if (point < 0x10000) {
    byte(0xE0U | (point >> 12U));
    byte(0x80U | ((point >> 6U) & 0x3FU));
  } else {
    byte(0xF0U | (point >> 18U));
    byte(0x80U | ((point >> 12U) & 0x3FU));
    byte(0x80U | ((point >> 6U) & 0x3FU));
  }
  byte(0x80U | (point & 0x3FU));
}

/// Reads what follows `\u`, surrogate pairs included; moves `at` behind it.
std::uint32_t read_code_point(std::string_view escaped, std::size_t& at) noexcept {
  constexpr std::uint32_t replacement = 0xFFFD;
  const auto unit = read_unit(escaped, at);
  at += 4;
  if (unit < 0xD800 || unit > 0xDFFF) return unit;
  if (unit > 0xDBFF || at + 6 > escaped.size() || escaped[at] != '\\' || escaped[at + 1] != 'u')
    return replacement;
  const auto low = read_unit(escaped, at + 2);
  if (low < 0xDC00 || low > 0xDFFF) return replacement;
  at += 6;
  return 0x10000 + ((unit - 0xD800) << 10U) + (low - 0xDC00);
}

char unescape_simple(char c) noexcept {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

std::string minify_json(std::string_view json) {
  std::string out(json.size(), '\0');
  std::size_t bytes = 0;
  if (simdjson::minify(json.data(), json.size(), out.data(), bytes) != simdjson::SUCCESS)
    return std::string{json};
  out.resize(bytes);
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  const auto is_plain = [](char c) {
    return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
  };
  out.push_back('"');
  while (!text.empty()) {
    // Almost everything is plain: it is appended by the run.
    const auto* special = std::find_if_not(text.begin(), text.end(), is_plain);
    const auto plain = static_cast<std::size_t>(special - text.begin());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const char c = text.front();
    text.remove_prefix(1);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out.push_back(hex[static_cast<unsigned char>(c) >> 4U]);
        out.push_back(hex[static_cast<unsigned char>(c) & 15U]);
    }
  }
  out.push_back('"');
}

std::string unescape_json(std::string_view escaped) {
  std::string out;
  out.reserve(escaped.size());
  for (std::size_t at = 0; at < escaped.size();) {
    const char c = escaped[at++];
    if (c != '\\' || at == escaped.size()) {
      out.push_back(c);
      continue;
    }
    const char kind = escaped[at++];
    if (kind != 'u' || at + 4 > escaped.size()) {
      out.push_back(unescape_simple(kind));
    } else {
      append_utf8(out, read_code_point(escaped, at));
    }
  }
  return out;
}

}  // namespace carillon::engine
