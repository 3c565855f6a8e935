// Claims: however a client's bytes are chopped, the reader makes the same of them; a
// text message is UTF-8 and within the bound; memory is bounded by what came.
#include "net/src/frame_reader.hpp"
#include "tests/fuzz/require.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using carillon::net::FrameReader;
using carillon::net::FrameStep;

constexpr std::size_t message_bytes_max = 300;

/// Everything that a reader says about the bytes, as one text.
std::string read(std::string bytes, std::size_t chop) {
  FrameReader reader{message_bytes_max};
  std::string said;
  for (std::size_t at = 0; at < bytes.size(); at += chop) {
    std::span<char> data{bytes.data() + at, std::min(chop, bytes.size() - at)};
    for (;;) {
      const FrameStep step = reader.feed(data);
      if (step == FrameStep::needs_more) break;
      said.push_back(static_cast<char>('0' + static_cast<int>(step)));
      if (step == FrameStep::message) {
        CARILLON_FUZZ_REQUIRE(reader.message().size() <= message_bytes_max);
        CARILLON_FUZZ_REQUIRE(!reader.is_text() || simdjson::validate_utf8(reader.message()));
        said += reader.message();
      }
      if (step == FrameStep::ping || step == FrameStep::pong) said += reader.control_payload();
      if (step == FrameStep::close)
        said += std::to_string(static_cast<unsigned>(reader.close_code()));
      if (step == FrameStep::fault)
        return said + std::to_string(static_cast<unsigned>(reader.fault_code()));
    }
    CARILLON_FUZZ_REQUIRE(data.empty() || reader.feed(data) == FrameStep::needs_more);
  }
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t chop = std::size_t{data[0]} + 1;
  const std::string bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::string whole = read(bytes, std::max<std::size_t>(1, bytes.size()));
  CARILLON_FUZZ_REQUIRE(read(bytes, chop) == whole);
  CARILLON_FUZZ_REQUIRE(read(bytes, 1) == whole);
  return 0;
}
