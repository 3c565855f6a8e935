#pragma once

#include "persistence/src/rocks_log_format.hpp"

#include <boost/crc.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::testing {

/// The bytes of a log as RocksDB writes it.
class LogBuilder {
 public:
  /// A batch of one write with this sequence, a note in front if there is one, of `bytes`
  /// bytes in all at least, the last ones of which are `fill`.
  static std::string batch(std::uint64_t sequence,
                           std::size_t bytes,
                           const std::string& note = {},
                           char fill = 'x') {
    std::string text;
    put(text, sequence, 8);
    put(text, 1, 4);
    if (!note.empty()) {
      text += '\3';
      text += static_cast<char>(note.size());
      text += note;
    }
    text.append(bytes > text.size() ? bytes - text.size() : 0, fill);
    return text;
  }

  LogBuilder& add(std::string_view batch) {
    for (bool begins = true, ends = false; !ends; begins = false) {
      auto left = persistence::log_block_bytes - bytes_.size() % persistence::log_block_bytes;
      if (left < persistence::log_header_bytes) {
        bytes_.append(left, '\0');
        left = persistence::log_block_bytes;
      }
      const auto part = batch.substr(0, left - persistence::log_header_bytes);
      batch.remove_prefix(part.size());
      ends = batch.empty();
      add_record(begins && ends ? 1 : begins ? 2 : ends ? 4 : 3, part);
    }
    return *this;
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  static void put(std::string& text, std::uint64_t value, int bytes) {
    for (; bytes > 0; --bytes, value >>= 8U)
      text += static_cast<char>(value & 0xFFU);
  }

  void add_record(char type, std::string_view part) {
    boost::crc_optimal<32, 0x1EDC6F41U, 0xFFFFFFFFU, 0xFFFFFFFFU, true, true> crc;
    crc.process_byte(static_cast<unsigned char>(type));
    crc.process_bytes(part.data(), part.size());
    const std::uint32_t checksum = crc.checksum();
    put(bytes_, static_cast<std::uint32_t>((checksum >> 15U | checksum << 17U) + 0xA282EAD8U), 4);
    put(bytes_, part.size(), 2);
    bytes_ += type;
    bytes_ += part;
  }

  std::string bytes_;
};

}  // namespace carillon::testing
