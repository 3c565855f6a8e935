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

}  // namespace

void RocksMessages::Logv(InfoLogLevel level, const char* format, va_list arguments) {
  if (!log_ || level < GetInfoLogLevel() || level == InfoLogLevel::HEADER_LEVEL) return;
  std::array<char, message_bytes_max> text{};
  if (std::vsnprintf(text.data(), text.size(), format, arguments) < 0) return;
  std::string_view said{text.data()};
  while (said.ends_with('\n'))
    said.remove_suffix(1);
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
