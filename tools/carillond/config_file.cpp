#include "tools/carillond/config_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace carillon::carillond {
namespace {

using Form = RawValue::Form;

RawValue raw_value(const toml::node& node) {
  if (const auto* text = node.as_string()) return {Form::text, text->get()};
  if (const auto* integer = node.as_integer())
    return {Form::integer, std::to_string(integer->get())};
  if (const auto* boolean = node.as_boolean())
    return {Form::boolean, boolean->get() ? "true" : "false"};
  std::ostringstream type;
  type << node.type();
  return {Form::other, type.str()};
}

std::vector<FileEntry> entries_of(const toml::table& table) {
  std::vector<FileEntry> entries;
  for (const auto& [key, node] : table)
    entries.push_back({std::string{key.str()}, raw_value(node), key.source().begin.line});
  // The table is sorted by name; faults read better in the file's order.
  std::ranges::sort(entries, {}, &FileEntry::line);
  return entries;
}

}  // namespace

FileContent read_config_file(const std::filesystem::path& path) {
  FileContent content;
  // ifstream would open a directory and then fail to read it without a reason.
  std::error_code error;
  const bool is_directory = std::filesystem::is_directory(path, error);
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  if (is_directory || !file) {
    const auto reason = is_directory ? std::make_error_code(std::errc::is_a_directory)
                                     : std::error_code{errno, std::generic_category()};
    content.fault = fmt::format("{}: can't be read: {}", path.string(), reason.message());
    return content;
  }
  const std::string text{std::istreambuf_iterator<char>{file}, {}};

  try {
    content.entries = entries_of(toml::parse(text));
  } catch (const toml::parse_error& failure) {
    const auto& begin = failure.source().begin;
    content.fault = fmt::format("{}:{}:{}: not valid TOML: {}", path.string(), begin.line,
                                begin.column, failure.description());
  }
  return content;
}

}  // namespace carillon::carillond
