#include "persistence/src/rocks_log_format.hpp"

#include <boost/crc.hpp>

namespace carillon::persistence {
namespace {

constexpr std::size_t checksum_bytes = 4;
constexpr std::size_t type_at = 6;
constexpr std::uint32_t mask_delta = 0xA282EAD8U;

using Crc32c = boost::crc_optimal<32, 0x1EDC6F41U, 0xFFFFFFFFU, 0xFFFFFFFFU, true, true>;

}  // namespace

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte)
    value = value << 8U | static_cast<unsigned char>(*byte);
  return value;
}

std::size_t log_record_bytes(std::string_view record) {
  return log_header_bytes + little_endian(record.substr(checksum_bytes, 2));
}

LogRecordType log_record_type(std::string_view record) {
  return static_cast<LogRecordType>(record[type_at]);
}

bool has_its_checksum(std::string_view record) {
  Crc32c crc;
  crc.process_bytes(record.data() + type_at, record.size() - type_at);
  const std::uint32_t checksum = crc.checksum();
  const std::uint32_t masked = (checksum >> 15U | checksum << 17U) + mask_delta;
  return masked == little_endian(record.substr(0, checksum_bytes));
}

}  // namespace carillon::persistence
