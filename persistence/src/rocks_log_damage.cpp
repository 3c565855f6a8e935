#include "persistence/src/rocks_log_damage.hpp"

#include "persistence/src/rocks_log_format.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace carillon::persistence {
namespace {

/// Whether each record that is there whole is sound. The last one may be torn.
bool is_sound(std::string_view log) {
  for (; !log.empty(); log.remove_prefix(std::min(log_block_bytes, log.size()))) {
    auto block = log.substr(0, log_block_bytes);
    while (block.size() >= log_header_bytes) {
      const auto bytes = log_record_bytes(block);
      if (bytes > block.size()) {
        if (log_block_bytes <= log.size()) return false;
        break;
      }
      const bool is_blank =
          bytes == log_header_bytes && log_record_type(block) == LogRecordType::blank;
      if (!is_blank && !has_its_checksum(block.substr(0, bytes))) return false;
      block.remove_prefix(bytes);
    }
  }
  return true;
}

}  // namespace

std::string damaged_log(rocksdb::FileSystem& files,
                        const rocksdb::Status& refusal,
                        const std::string& path) {
  const auto text = refusal.ToString();
  constexpr std::string_view mark = "log number: ";
  std::uint64_t number = 0;
  if (const auto at = text.find(mark); at != std::string::npos)
    std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), number);
  if (number != 0) return log_name(number);

  std::vector<LogFile> logs;
  if (!find_logs(files, path, logs).ok()) return {};
  std::string bytes;
  for (const auto& log : logs)
    if (rocksdb::ReadFileToString(&files, log.path, &bytes).ok() && !is_sound(bytes))
      return log_name(log.number);
  return {};
}

}  // namespace carillon::persistence
