#include "net/src/client_message.hpp"

#include "carillon/engine/event_parser.hpp"
#include "net/src/assert.hpp"
#include "net/src/filter_fields.hpp"

#include <simdjson.h>

#include <optional>
#include <utility>
#include <vector>

namespace carillon::net {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

constexpr std::size_t ref_bytes_max = 256;

simdjson::ondemand::parser& thread_parser() {
  thread_local simdjson::ondemand::parser parser;
  return parser;
}

std::string_view trimmed(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

// A value as it stands in the text, which has been checked: only then is the end
// of a scalar token, which simdjson extends to the next token, certain.
std::string_view raw(value item) {
  std::string_view text;
  simdjson::ondemand::object object;
  simdjson::ondemand::array array;
  switch (item.type().value_unsafe()) {
    case json_type::object:
      if (item.get_object().get(object) || object.raw_json().get(text)) return {};
      break;
    case json_type::array:
      if (item.get_array().get(array) || array.raw_json().get(text)) return {};
      break;
    default:
      text = item.raw_json_token();
      break;
  }
  return trimmed(text);
}

ClientMessage::Type type_of(std::string_view text) {
  if (text == "ping") return ClientMessage::Type::ping;
  if (text == "publish") return ClientMessage::Type::publish;
  if (text == "filter") return ClientMessage::Type::filter;
  if (text == "token") return ClientMessage::Type::token;
  return ClientMessage::Type::unknown;
}

// Calls `each(name, value)` for the members of the object in `text`.
template <class Each>
bool for_each_member(std::string& text, Each each) {
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (thread_parser().iterate(simdjson::padded_string_view{text}).get(document) ||
      document.get_object().get(object))
    return false;
  for (auto field : object) {
    std::string_view name;
    value item;
    if (field.unescaped_key().get(name) || field.value().get(item)) return false;
    // The name lies in a buffer of the parser that the next string reuses.
    if (!each(std::string{name}, item)) break;
  }
  return true;
}

// One string, or an array of strings.
std::optional<std::vector<std::string>> strings(value item) {
  std::vector<std::string> texts;
  std::string_view text;
  simdjson::ondemand::array array;
  if (item.get_string().get(text) == simdjson::SUCCESS) {
    texts.emplace_back(text);
    return texts;
  }
  if (item.get_array().get(array)) return std::nullopt;
  for (auto element : array) {
    if (element.get_string().get(text)) return std::nullopt;
    texts.emplace_back(text);
  }
  return texts;
}

}  // namespace

ClientMessage parse_client_message(std::string& text) {
  ClientMessage message;
  // An event may be nested as deeply as over HTTP: the message is one level around it.
  message.error = engine::check_json(text, engine::nesting_levels_max + 1);
  if (!message.error.empty()) return message;

  bool type_usable = false;
  bool ref_usable = true;
  const bool is_object = for_each_member(text, [&](const std::string& name, value item) {
    if (name == "type") {
      std::string_view word;
      type_usable = item.get_string().get(word) == simdjson::SUCCESS;
      if (type_usable) message.type_text = word;
    } else if (name == "ref") {
      const std::string_view ref = raw(item);
      ref_usable =
          !ref.empty() && ref.size() <= ref_bytes_max && ref.front() != '{' && ref.front() != '[';
      if (ref_usable) message.ref = ref;
    } else if (name == "event") {
      message.event = raw(item);
    }
    return true;
  });
  if (!is_object) {
    message.error = "A message is a JSON object with the member `type`.";
    return message;
  }
  message.type = ClientMessage::Type::invalid;
  if (!type_usable) {
    message.error = "The member `type` must be a string.";
  } else if (!ref_usable) {
    message.error = "The member `ref` must be a string or a number of at most 256 bytes.";
  } else {
    message.type = type_of(message.type_text);
  }
  return message;
}

FilterMessage parse_filter_message(std::string& text) {
  FilterMessage message;
  message.faults.code = code::invalid_query;
  const bool is_object = for_each_member(text, [&](const std::string& name, value item) {
    if (name == "type" || name == "ref") return true;
    const auto texts = strings(item);
    if (!texts) {
      message.faults.add(name, "must be a string or an array of strings");
      return true;
    }
    const bool known = is_list_field(name) || is_single_field(name);
    if (!known) message.faults.add(name, "is not a field of the list's filter");
    for (const std::string& one : *texts)
      static_cast<void>(add_filter_value(message.filter, name, one, message.faults));
    return true;
  });
  CARILLON_ASSERT(is_object, "only what parse_client_message accepted comes here");
  return message;
}

std::uint64_t sequence_in_event(std::string json) {
  std::uint64_t sequence = 0;
  for_each_member(json, [&](const std::string& name, value item) {
    if (name != "sequence") return true;
    if (item.get_uint64().get(sequence)) sequence = 0;
    return false;
  });
  return sequence;
}

}  // namespace carillon::net
