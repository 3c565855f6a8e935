#pragma once

#include "carillon/engine/event_builder.hpp"
#include "carillon/engine/ids.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::engine {

/// Who publishes, as far as an event's fields depend on it.
struct Publisher {
  UserId user{};         ///< owner of the event unless the event names another
  bool service = false;  ///< may name another owner, a systemId, and broadcast
};

/// Why a JSON text is not an event.
enum class ParseFault : std::uint8_t {
  none,            ///< it is one
  malformed_json,  ///< not JSON, not UTF-8, or nested too deeply
  invalid_event,   ///< JSON, but fields are missing, doubled or wrong: see details
  forbidden,       ///< the publisher may not name this owner or audience
};

/// An event, or what is wrong with its text: all faults at once.
struct [[nodiscard]] ParseResult {
  NewEvent event{};                     ///< empty if there is a fault
  ParseFault fault = ParseFault::none;  ///< why there is no event
  std::string error{};                  ///< one sentence, for the error envelope
  std::vector<Fault> details{};         ///< per field

  /// Whether there is an event.
  [[nodiscard]] explicit operator bool() const noexcept { return fault == ParseFault::none; }
};

/// Reads events from JSON as publishers send them (the event table of the
/// contract: synonyms, defaults, limits, unknown fields ignored).
///
/// Role      One per thread: it keeps simdjson's buffers between calls.
/// Threads   One thread at a time.
/// Progress  No allocation in steady state but the event's pooled block.
class EventParser {
 public:
  /// `system_id` is given to events that do not carry one.
  EventParser(EventPool& pool, const Uuid& system_id);
  ~EventParser();
  EventParser(const EventParser&) = delete;
  EventParser& operator=(const EventParser&) = delete;

  /// Reads one event; `json` need not outlive the call.
  [[nodiscard]] ParseResult parse(std::string_view json, const Publisher& publisher);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Checks JSON syntax (RFC 8259) without converting anything: numbers of any
/// size pass. Empty if `json` is one well-formed value nested no deeper than
/// `levels_max`, else a sentence with the byte offset of the first fault.
[[nodiscard]] std::string check_json(std::string_view json,
                                     std::size_t levels_max = nesting_levels_max);

/// `json` (well-formed) without insignificant white space.
[[nodiscard]] std::string minify_json(std::string_view json);

/// Appends `text` (UTF-8) as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

/// Decodes what stands between the quotes of a well-formed JSON string. A lone
/// surrogate becomes U+FFFD.
[[nodiscard]] std::string unescape_json(std::string_view escaped);

}  // namespace carillon::engine
