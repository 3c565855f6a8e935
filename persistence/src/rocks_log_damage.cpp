#include "persistence/src/rocks_log_damage.hpp"

#include <boost/crc.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace carillon::persistence {
namespace {

// RocksDB's format of a log: blocks of 32 KiB, in each of them records of a header (masked
// checksum 4, length 2, type 1, little endian) and as many bytes; the checksum is of type
// and bytes. A record lies within its block, whose last bytes are left when no header fits.
constexpr std::size_t block_bytes = 32'768;
constexpr std::size_t header_bytes = 7;
constexpr std::size_t checksum_bytes = 4;
constexpr std::uint32_t mask_delta = 0xA282EAD8U;

using Crc32c = boost::crc_optimal<32, 0x1EDC6F41U, 0xFFFFFFFFU, 0xFFFFFFFFU, true, true>;

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte)
    value = value << 8U | static_cast<unsigned char>(*byte);
  return value;
}

bool has_its_checksum(std::string_view record) {
  Crc32c crc;
  crc.process_bytes(record.data() + header_bytes - 1, record.size() - header_bytes + 1);
  const auto checksum = crc.checksum();
  const auto masked = (checksum >> 15U | checksum << 17U) + mask_delta;
  return masked == little_endian(record.substr(0, checksum_bytes));
}

/// Whether each record that is there whole is sound. The last one may be torn.
bool is_sound(std::string_view log) {
  for (; !log.empty(); log.remove_prefix(std::min(block_bytes, log.size()))) {
    auto block = log.substr(0, block_bytes);
    while (block.size() >= header_bytes) {
      const std::size_t bytes = header_bytes + little_endian(block.substr(checksum_bytes, 2));
      if (bytes > block.size()) {
        if (block_bytes <= log.size()) return false;
        break;
      }
      const bool is_blank = bytes == header_bytes && block[header_bytes - 1] == 0;
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
