#include "net/src/query_string.hpp"

#include <simdjson.h>

#include <algorithm>
#include <utility>

namespace carillon::net {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> decode_query_component(std::string_view text) {
  const auto is_escape = [](char c) { return c == '+' || c == '%'; };
  const auto plain = std::find_if(text.begin(), text.end(), is_escape);
  const auto first = static_cast<std::size_t>(plain - text.begin());
  std::string decoded;
  decoded.reserve(text.size());
  decoded = text.substr(0, first);  // often that is all
  for (std::size_t i = first; i < text.size(); ++i) {
    if (text[i] == '+') {
      decoded += ' ';
    } else if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  if (!simdjson::validate_utf8(decoded.data(), decoded.size())) return std::nullopt;
  return decoded;
}

std::optional<QueryString> QueryString::parse(std::string_view text) {
  QueryString query;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (item.empty()) continue;
    const auto equals = std::min(item.find('='), item.size());
    auto name = decode_query_component(item.substr(0, equals));
    auto value = decode_query_component(item.substr(std::min(equals + 1, item.size())));
    if (!name || !value) return std::nullopt;
    query.parameters_.push_back({*std::move(name), *std::move(value)});
  }
  return query;
}

std::size_t QueryString::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(std::count_if(
      parameters_.begin(), parameters_.end(),
      [&](const auto& parameter) { return parameter.name == name && !parameter.value.empty(); }));
}

std::optional<std::string_view> QueryString::find(std::string_view name) const noexcept {
  for (const auto& parameter : parameters_)
    if (parameter.name == name && !parameter.value.empty()) return parameter.value;
  return std::nullopt;
}

}  // namespace carillon::net
