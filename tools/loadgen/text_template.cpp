#include "tools/loadgen/text_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace carillon::loadgen {
namespace {

// In the order of TextTemplate::Part.
constexpr std::array<std::string_view, 7> names{"user",  "user_index", "connection", "number",
                                                "stamp", "cursor",     "padding"};
constexpr std::string_view hex_prefix = "hex:";

std::string bytes_of(std::string_view hex, std::size_t character) {
  std::string bytes;
  for (; hex.size() >= 2; hex.remove_prefix(2)) {
    std::uint8_t byte = 0;
    const auto [rest, error] = std::from_chars(hex.data(), hex.data() + 2, byte, 16);
    if (error != std::errc{} || rest != hex.data() + 2) break;
    bytes.push_back(static_cast<char>(byte));
  }
  if (!hex.empty() || bytes.empty())
    throw std::invalid_argument{fmt::format(
        "the bytes at character {} must be pairs of hexadecimal digits, as in {{{{hex:0d0a}}}}",
        character)};
  return bytes;
}

}  // namespace

TextTemplate::Part TextTemplate::part_named(std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return static_cast<Part>(std::distance(names.begin(), found));
}

TextTemplate::TextTemplate(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto open = std::min(text.find("{{", at), text.size());
    if (open > at) pieces_.push_back({Part::literal, std::string{text.substr(at, open - at)}});
    if (open == text.size()) break;
    const auto close = text.find("}}", open);
    if (close == std::string_view::npos)
      throw std::invalid_argument{
          fmt::format("the placeholder that begins at character {} has no end: }}}}", open + 1)};
    const auto name = text.substr(open + 2, close - open - 2);
    if (name.starts_with(hex_prefix)) {
      pieces_.push_back({Part::literal, bytes_of(name.substr(hex_prefix.size()), open + 1)});
      at = close + 2;
      continue;
    }
    const auto part = part_named(name);
    if (part == Part::literal)
      throw std::invalid_argument{fmt::format(
          "'{{{{{}}}}}' at character {} is no placeholder; there are {{{{{}}}}}, {{{{hex:…}}}}",
          name, open + 1, fmt::join(names, "}}, {{"))};
    pieces_.push_back({part, {}});
    at = close + 2;
  }
}

void TextTemplate::append_to(std::string& out, const TemplateValues& values) const {
  const auto append_number = [&out](std::uint64_t number) {
    fmt::format_to(std::back_inserter(out), "{}", number);
  };
  for (const auto& piece : pieces_) {
    switch (piece.part) {
      case Part::user:
        out += values.user;
        break;
      case Part::user_index:
        append_number(values.user_index);
        break;
      case Part::connection:
        append_number(values.connection);
        break;
      case Part::number:
        append_number(values.number);
        break;
      case Part::stamp:
        out += values.stamp;
        break;
      case Part::cursor:
        out += values.cursor;
        break;
      case Part::padding:
        out += values.padding;
        break;
      case Part::literal:
        out += piece.text;
        break;
    }
  }
}

std::string TextTemplate::render(const TemplateValues& values) const {
  std::string out;
  append_to(out, values);
  return out;
}

bool TextTemplate::uses(std::string_view placeholder) const {
  return std::any_of(pieces_.begin(), pieces_.end(), [&](const Piece& piece) {
    return piece.part != Part::literal &&
           names[static_cast<std::size_t>(piece.part)] == placeholder;
  });
}

}  // namespace carillon::loadgen
