// Claims: any text is either refused or is exactly what format_cursor writes for
// the cursor that was read; any cursor is read back as it was written.
#include "carillon/engine/cursor.hpp"
#include "tests/fuzz/require.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace {

using carillon::engine::Cursor;

/// A cursor made of the input's bytes, within the widths of its fields.
Cursor cursor_of(const std::uint8_t* data, std::size_t size) {
  std::array<std::uint64_t, 3> words{};
  if (size > 0) std::memcpy(words.data(), data, std::min(size, sizeof(words)));
  return {.epoch = words[0] & ((std::uint64_t{1} << 48U) - 1),
          .position = {.user = words[1] & carillon::engine::sequence_max,
                       .broadcast = words[2] & carillon::engine::sequence_max}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto cursor = carillon::engine::parse_cursor(text))
    CARILLON_FUZZ_REQUIRE(to_string(*cursor) == text);

  const auto cursor = cursor_of(data, size);
  CARILLON_FUZZ_REQUIRE(carillon::engine::parse_cursor(to_string(cursor)) == cursor);
  return 0;
}
