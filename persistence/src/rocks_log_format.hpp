#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carillon::persistence {

// RocksDB's format of a log: blocks of 32 KiB, in each of them records of a header (masked
// checksum 4, length 2, type 1, little endian) and as many bytes; the checksum is of type
// and bytes. A record lies within its block, whose last bytes are left when no header fits.
// What was written at once is one record, or one that begins it, others that go on, and one
// that ends it, in as many blocks.
inline constexpr std::size_t log_block_bytes = 32'768;
inline constexpr std::size_t log_header_bytes = 7;

/// Of records that RocksDB writes with our options.
enum class LogRecordType : std::uint8_t { blank = 0, whole = 1, begins = 2, goes_on = 3, ends = 4 };

/// The number in these bytes, at most eight.
[[nodiscard]] std::uint64_t little_endian(std::string_view bytes);

/// Bytes that this record takes with its header. REQUIRES a header.
[[nodiscard]] std::size_t log_record_bytes(std::string_view record);
/// REQUIRES a header.
[[nodiscard]] LogRecordType log_record_type(std::string_view record);
/// Whether it is as it was written. REQUIRES the whole record and nothing else.
[[nodiscard]] bool has_its_checksum(std::string_view record);

}  // namespace carillon::persistence
