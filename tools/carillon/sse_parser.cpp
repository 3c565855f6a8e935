#include "tools/carillon/sse_parser.hpp"

namespace carillon::client {

bool SseParser::feed(std::string_view bytes) {
  for (const char c : bytes) {
    const bool second_half = c == '\n' && after_return_;
    after_return_ = c == '\r';
    if (second_half) continue;
    if (c != '\n' && c != '\r') {
      line_.push_back(c);
      continue;
    }
    const bool go_on = take_line(line_);
    line_.clear();
    if (!go_on) return false;
  }
  return true;
}

bool SseParser::take_line(std::string_view line) {
  if (line.empty()) {  // the end of an event; without data there is none
    const bool go_on = !has_data_ || on_event_(event_);
    event_.type.clear();
    event_.data.clear();
    has_data_ = false;
    return go_on;
  }
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);

  if (field == "data") {
    if (has_data_) event_.data.push_back('\n');
    event_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    event_.type = value;
  } else if (field == "id") {
    event_.id = value;
  }
  return true;  // comments (an empty field name) and unknown fields say nothing
}

}  // namespace carillon::client
