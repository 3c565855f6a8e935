#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace carillon::client {

/// One event of a `text/event-stream`.
struct SseEvent {
  std::string type;  ///< of `event:`; empty for unnamed ones
  std::string data;  ///< the `data:` lines, joined by line feeds
  std::string id;    ///< the last `id:` so far
};

/// Splits a byte stream into server-sent events (WHATWG HTML, section 9.2).
/// Bytes may be cut anywhere.
class SseParser {
 public:
  /// `on_event` returns false to stop; feed() then returns false at once.
  explicit SseParser(std::function<bool(const SseEvent&)> on_event)
      : on_event_{std::move(on_event)} {}

  [[nodiscard]] bool feed(std::string_view bytes);

 private:
  [[nodiscard]] bool take_line(std::string_view line);

  std::function<bool(const SseEvent&)> on_event_;
  std::string line_;           // begun, its end not seen yet
  bool after_return_ = false;  // the last byte was CR: an LF now belongs to it
  bool has_data_ = false;
  SseEvent event_;
};

}  // namespace carillon::client
