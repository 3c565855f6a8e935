#pragma once

#include "tools/carillond/config_keys.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace carillon::carillond {

/// One `key = value` of a configuration file.
struct FileEntry {
  std::string key;
  RawValue value;
  std::uint32_t line = 0;
};

struct FileContent {
  std::vector<FileEntry> entries;
  std::string fault;  ///< why the file could not be read, with its place; empty: it could
};

/// Reads the file's top-level keys. TOML's parser stops at the first syntax
/// error, so there is at most one fault.
[[nodiscard]] FileContent read_config_file(const std::filesystem::path& path);

}  // namespace carillon::carillond
