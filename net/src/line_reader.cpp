#include "net/src/line_reader.hpp"

#include <algorithm>

namespace carillon::net {

std::optional<LineReader::Line> LineReader::next(std::string_view text, bool ended) {
  while (begin_ < text.size()) {
    const auto newline = text.find('\n', std::max(begin_, scanned_));
    if (newline == std::string_view::npos && !ended) {
      scanned_ = text.size();
      // A line that is exactly at its limit may end in CR LF.
      if (text.size() - begin_ > line_bytes_max_ + 1) cut_ = true;
      if (cut_) begin_ = text.size();
      return std::nullopt;
    }
    const auto end = std::min(newline, text.size());
    auto line = text.substr(begin_, end - begin_);
    begin_ = std::min(end + 1, text.size());
    ++lines_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool too_long = cut_ || line.size() > line_bytes_max_;
    cut_ = false;
    if (too_long || line.find_first_not_of(" \t\r") != std::string_view::npos)
      return Line{.number = lines_, .text = line, .too_long = too_long};
  }
  if (ended && cut_) {
    cut_ = false;
    return Line{.number = ++lines_, .text = {}, .too_long = true};
  }
  return std::nullopt;
}

void LineReader::drop_taken(std::string& text) {
  text.erase(0, begin_);
  scanned_ -= std::min(scanned_, begin_);
  begin_ = 0;
}

}  // namespace carillon::net
