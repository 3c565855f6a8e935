#include "persistence/src/rocks_messages.hpp"

#include <array>
#include <cstdio>
#include <string_view>

namespace carillon::persistence {
namespace {

using engine::LogField;
using engine::LogLevel;
using rocksdb::InfoLogLevel;

constexpr std::size_t message_bytes_max = 1'024;  // longer ones are cut
/// RocksDB warns of it twice in each checkpoint, which forbids to delete files in two places:
/// nothing to look after.
constexpr std::string_view of_each_checkpoint = "File Deletions ";

bool is_noise(std::string_view said) {
  return said.find(of_each_checkpoint) != std::string_view::npos;
}

}  // namespace

void RocksMessages::Logv(InfoLogLevel level, const char* format, va_list arguments) {
  if (!log_ || level < GetInfoLogLevel() || level == InfoLogLevel::HEADER_LEVEL) return;
  std::array<char, message_bytes_max> text{};
  if (std::vsnprintf(text.data(), text.size(), format, arguments) < 0) return;
  std::string_view said{text.data()};
  while (said.ends_with('\n'))
    said.remove_suffix(1);
  if (is_noise(said)) return;
  const std::array fields{LogField{.key = "message", .value = std::string{said}},
                          LogField{.key = "path", .value = path_}};
  if (level == InfoLogLevel::WARN_LEVEL)
    log_(LogLevel::warning, "RocksDB warns", fields);
  else
    log_(LogLevel::error, "RocksDB met an error", fields);
}

// What has no level of its own is information.
void RocksMessages::Logv(const char* /*format*/, va_list /*arguments*/) {
}

void RocksMessages::LogHeader(const char* /*format*/, va_list /*arguments*/) {
}

}  // namespace carillon::persistence
