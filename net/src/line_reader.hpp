#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::net {

/// Cuts a text that comes in pieces into lines. The text belongs to the caller, who
/// appends to it; what was cut off leaves it with drop_taken().
///
/// Bound  What stays in the text: less than one line of `line_bytes_max` bytes, and
///        what the caller appended and did not take. The rest of a longer line is
///        thrown away as it comes.
class LineReader {
 public:
  explicit LineReader(std::size_t line_bytes_max) noexcept : line_bytes_max_{line_bytes_max} {}

  struct Line {
    std::uint64_t number = 0;  ///< from 1; lines without text count
    std::string_view text;     ///< without its end; not only white space
    bool too_long = false;     ///< over line_bytes_max; `text` is not all of it
  };
  /// The next line that holds text. `ended`: no more comes, so that a last line needs
  /// no newline. Nothing: `text` holds no further whole line.
  [[nodiscard]] std::optional<Line> next(std::string_view text, bool ended);
  void drop_taken(std::string& text);

  /// Of the line that next() would give, if it is not blank.
  [[nodiscard]] std::uint64_t next_number() const noexcept { return lines_ + 1; }

 private:
  const std::size_t line_bytes_max_;
  std::uint64_t lines_ = 0;  // whole ones, taken
  std::size_t begin_ = 0;    // of the line to come, in the text
  std::size_t scanned_ = 0;  // behind begin_: no newline up to here
  bool cut_ = false;         // the line to come lost its beginning: it is too long
};

}  // namespace carillon::net
