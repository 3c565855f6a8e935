#include "net/src/batch_reader.hpp"

#include "net/src/error_envelope.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace carillon::net {
namespace {

constexpr std::size_t details_max = 100;

/// Cuts the text of a JSON array into those of its elements. It knows strings and
/// brackets and no more: what it takes for an element may be no JSON at all, and is
/// checked by itself. If all elements are well-formed, so is the array.
class ArrayCutter {
 public:
  explicit ArrayCutter(std::string_view json) : json_{json} {}

  /// False if the text is no array.
  bool open() {
    skip_space();
    if (peek() != '[') return false;
    ++at_;
    skip_space();
    if (peek() == ']') end();
    return true;
  }
  /// The next element, or nothing at the end or at a fault.
  std::optional<std::string_view> next() {
    if (ended_ || !fault_.empty()) return std::nullopt;
    skip_space();
    const auto begin = at_;
    skip_element();
    if (at_ == begin) return fail("a JSON value");
    if (at_ == json_.size()) return fail("',' or ']'");
    auto element = json_.substr(begin, at_ - begin);
    element = element.substr(0, element.find_last_not_of(" \t\r\n") + 1);
    if (json_[at_] == ']') {
      end();
    } else {
      ++at_;
    }
    return element;
  }
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

 private:
  /// To the comma or bracket that ends it, or to the end of the text.
  void skip_element() {
    std::size_t levels = 0;
    for (; at_ < json_.size(); ++at_) {
      const char c = json_[at_];
      if (c == '"') {
        skip_string();
      } else if (c == '[' || c == '{') {
        ++levels;
      } else if (levels == 0 && (c == ',' || c == ']')) {
        return;
      } else if (levels > 0 && (c == ']' || c == '}')) {
        --levels;
      }
    }
    at_ = std::min(at_, json_.size());
  }
  /// To its closing quote: the first one behind an even number of backslashes.
  void skip_string() {
    const auto begin = ++at_;
    for (;; ++at_) {
      at_ = std::min(json_.find('"', at_), json_.size());
      auto backslashes = at_;
      while (backslashes > begin && json_[backslashes - 1] == '\\')
        --backslashes;
      if (at_ == json_.size() || (at_ - backslashes) % 2 == 0) return;
    }
  }
  /// The closing bracket: nothing may follow it.
  void end() {
    ended_ = true;
    ++at_;
    skip_space();
    if (at_ != json_.size()) static_cast<void>(fail("the end of the text"));
  }
  std::nullopt_t fail(std::string_view expected) {
    fault_ = "expected " + std::string{expected} + " at byte " + std::to_string(at_);
    if (at_ == json_.size()) fault_ += ", where the text ends";
    return std::nullopt;
  }
  [[nodiscard]] char peek() const { return at_ < json_.size() ? json_[at_] : '\0'; }
  void skip_space() {
    constexpr std::string_view space = " \t\r\n";
    while (at_ < json_.size() && space.find(json_[at_]) != std::string_view::npos)
      ++at_;
  }

  std::string_view json_;
  std::size_t at_ = 0;
  bool ended_ = false;
  std::string fault_;
};

std::string name_of(std::size_t index) {
  return "[" + std::to_string(index) + "]";
}

/// What is wrong with a batch's events, so far.
class BatchFaults {
 public:
  explicit BatchFaults(std::string_view body) : body_{body} {}

  void add(std::size_t index, std::string_view text, engine::ParseResult parsed) {
    // Of several kinds the one that comes first: what can't be read is not forbidden.
    kind_ = any() ? std::min(kind_, parsed.fault) : parsed.fault;
    const auto name = name_of(index);
    if (parsed.details.empty()) {
      details_.push_back({name, fault_of(text)});
      return;
    }
    for (auto& fault : parsed.details)
      details_.push_back({name + "." + fault.field, std::move(fault.error)});
  }
  [[nodiscard]] bool any() const noexcept { return !details_.empty(); }
  [[nodiscard]] bool enough() const noexcept { return details_.size() >= details_max; }

  [[nodiscard]] Response response() const {
    auto message = "The batch is invalid, nothing was kept: " + details_.front().field + " " +
                   details_.front().error;
    if (enough()) {
      message += ", and many more (the first are in details)";
    } else if (details_.size() > 1) {
      message += ", and " + std::to_string(details_.size() - 1) + " more (see details)";
    }
    switch (kind_) {
      case engine::ParseFault::forbidden:
        return error_response(403, code::forbidden, message, details_);
      case engine::ParseFault::invalid_event:
        return error_response(400, code::invalid_event, message, details_);
      default:
        return error_response(400, code::malformed_json, message, details_);
    }
  }

 private:
  /// Of a text that the parser found no fields in.
  [[nodiscard]] std::string fault_of(std::string_view text) const {
    const auto syntax = engine::check_json(text);
    if (syntax.empty()) return "must be a JSON object";
    return "is not valid JSON (it begins at byte " + std::to_string(text.data() - body_.data()) +
           " of the body): " + syntax;
  }

  std::string_view body_;
  engine::ParseFault kind_ = engine::ParseFault::none;
  std::vector<engine::Fault> details_;
};

Response no_array_response(std::string_view body) {
  const auto syntax = engine::check_json(body);
  if (!syntax.empty())
    return error_response(400, code::malformed_json, "The body is not valid JSON: " + syntax);
  return error_response(400, code::invalid_body, "A batch must be a JSON array of events.",
                        {{"body", "must be a JSON array of events"}});
}

Response too_large_response(std::string field, std::string error) {
  const auto message = "Nothing was kept: " + field + " " + error + ".";
  return error_response(413, code::body_too_large, message, {{std::move(field), std::move(error)}});
}

}  // namespace

BatchBody read_batch(std::string_view body,
                     engine::EventParser& parser,
                     const engine::Publisher& publisher,
                     const BatchLimits& limits) {
  ArrayCutter array{body};
  if (!array.open()) return {.refusal = no_array_response(body)};
  BatchBody batch;
  BatchFaults faults{body};
  std::size_t count = 0;
  for (; const auto text = array.next(); ++count) {
    if (count >= limits.events_max || faults.enough()) continue;  // counts
    if (text->size() > limits.event_bytes_max)
      return {.refusal = too_large_response(
                  name_of(count), "exceeds the " + std::to_string(limits.event_bytes_max) +
                                      " bytes that an event may have")};
    auto parsed = parser.parse(*text, publisher);
    if (parsed) {
      batch.events.push_back(std::move(parsed.event));
    } else {
      faults.add(count, *text, std::move(parsed));
    }
  }
  if (!array.fault().empty())
    return {.refusal = error_response(400, code::malformed_json,
                                      "The body is not a valid JSON array: " + array.fault() +
                                          ", in or behind " + name_of(count),
                                      {{name_of(count), array.fault()}})};
  if (count > limits.events_max)
    return {.refusal = too_large_response("body", "holds " + std::to_string(count) +
                                                      " events; a batch has at most " +
                                                      std::to_string(limits.events_max))};
  if (faults.any()) return {.refusal = faults.response()};
  if (count == 0)
    return {.refusal = error_response(400, code::invalid_body, "A batch must hold an event.",
                                      {{"body", "must hold at least one event"}})};
  return batch;
}

}  // namespace carillon::net
