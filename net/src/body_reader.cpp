#include "net/src/body_reader.hpp"

#include "carillon/engine/event_parser.hpp"
#include "net/src/filter_fields.hpp"
#include "net/src/list_query.hpp"

#include <simdjson.h>

#include <algorithm>
#include <utility>

namespace carillon::net {
namespace {

namespace dom = simdjson::dom;

/// The body as a JSON object, or a fault that says why not.
std::optional<dom::object> parse_object(dom::parser& parser,
                                        const simdjson::padded_string& body,
                                        Faults& faults) {
  dom::element root;
  if (const auto error = parser.parse(body).get(root); error != simdjson::SUCCESS) {
    faults.code = code::malformed_json;
    auto syntax = engine::check_json(body);  // says where
    faults.add("body", "is not JSON: " +
                           (syntax.empty() ? simdjson::error_message(error) : std::move(syntax)));
    return std::nullopt;
  }
  dom::object object;
  if (root.get_object().get(object) != simdjson::SUCCESS) {
    faults.add("body", "must be a JSON object");
    return std::nullopt;
  }
  return object;
}

/// Of the members that are read. One that is given twice is an error: readers of JSON
/// differ in which of the two they take.
class SeenMembers {
 public:
  /// False, with a fault, if `name` was there before.
  bool add(std::string_view name, const std::string& field, Faults& faults) {
    if (std::ranges::find(names_, name) == names_.end()) {
      names_.push_back(name);
      return true;
    }
    faults.add(field, "is given twice");
    return false;
  }

 private:
  std::vector<std::string_view> names_;
};

void read_ids(dom::element value, ActionBody& action, Faults& faults) {
  dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) {
    faults.add("ids", "must be an array of event ids");
    return;
  }
  auto& ids = action.ids.emplace();
  ids.reserve(array.size());
  std::size_t index = 0;
  for (const auto element : array) {
    std::string_view text;
    std::optional<engine::Uuid> id;
    if (element.get_string().get(text) == simdjson::SUCCESS) id = engine::parse_uuid(text);
    if (id) {
      ids.push_back(*id);
    } else {
      faults.add("ids[" + std::to_string(index) + "]", "must be a UUID");
    }
    ++index;
  }
}

void read_filter_member(std::string_view name,
                        dom::element value,
                        engine::Filter& filter,
                        Faults& faults) {
  const auto field = "filter." + std::string{name};
  Faults found;  // under the plain name, as the filter language reports them
  std::string_view text;
  dom::array array;
  if (value.get_string().get(text) == simdjson::SUCCESS) {
    if (!add_filter_value(filter, name, text, found)) faults.add(field, "is not a filter");
    // As with an array of no values, it would ask nothing.
    if (name == "search" && text.empty()) faults.add(field, "names no value");
  } else if (value.get_array().get(array) == simdjson::SUCCESS && is_list_field(name)) {
    if (array.size() == 0) faults.add(field, "names no value");  // else it would ask nothing
    for (const auto element : array) {
      if (element.get_string().get(text) != simdjson::SUCCESS) {
        faults.add(field, "must be a string or an array of strings");
        return;
      }
      static_cast<void>(add_filter_value(filter, name, text, found));
    }
  } else if (!is_list_field(name) && !is_single_field(name)) {
    faults.add(field, "is not a filter");
  } else {
    faults.add(field, is_list_field(name) ? "must be a string or an array of strings"
                                          : "must be a string");
  }
  for (auto& fault : found.details)
    faults.add(field, std::move(fault.error));
}

void read_filter_object(dom::element value, ActionBody& action, Faults& faults) {
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    faults.add("filter", "must be an object");
    return;
  }
  auto& filter = action.filter.emplace();
  SeenMembers seen;
  for (const auto member : object) {
    const bool known = is_list_field(member.key) || is_single_field(member.key);
    if (!known || seen.add(member.key, "filter." + std::string{member.key}, faults))
      read_filter_member(member.key, member.value, filter, faults);
  }
}

void read_status(dom::element value, ActionBody& action, Faults& faults) {
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) action.status = engine::parse_status(text);
  if (!action.status) faults.add("status", "must be read or unread");
}

void read_up_to(dom::element value, engine::Epoch epoch, ActionBody& action, Faults& faults) {
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) {
    action.up_to = read_cursor("upTo", text, epoch, faults);
  } else {
    faults.add("upTo", "must be a cursor");
  }
}

void check_rules(const dom::object& object, ActionRules rules, Faults& faults) {
  const auto has = [&](std::string_view name) { return object.at_key(name).error() == 0U; };
  if (rules.status && !has("status")) faults.add("status", "is required: read or unread");
  if (!rules.events) return;
  if (has("ids") && has("filter")) faults.add("filter", "excludes ids: name events one way");
  if (!has("ids") && !has("filter")) faults.add("ids", "is required, or filter with upTo");
  // Without it, what arrives while the user reads would be changed unseen.
  if (has("filter") && !has("upTo")) faults.add("upTo", "is required with filter: a list's cursor");
}

}  // namespace

ActionBody read_action(std::string_view body,
                       ActionRules rules,
                       engine::Epoch epoch,
                       Faults& faults) {
  ActionBody action;
  dom::parser parser;
  const simdjson::padded_string padded{body};
  const auto object = parse_object(parser, padded, faults);
  if (object) {
    SeenMembers seen;
    for (const auto member : *object) {
      const bool known =
          (rules.status && member.key == "status") ||
          (rules.events && (member.key == "ids" || member.key == "filter" || member.key == "upTo"));
      if (!known || !seen.add(member.key, std::string{member.key}, faults)) continue;
      if (member.key == "status") read_status(member.value, action, faults);
      if (member.key == "ids") read_ids(member.value, action, faults);
      if (member.key == "filter") read_filter_object(member.value, action, faults);
      if (member.key == "upTo") read_up_to(member.value, epoch, action, faults);
    }
    check_rules(*object, rules, faults);
  }
  if (faults.details.size() > 1 || (faults.any() && faults.code.empty()))
    faults.code = code::invalid_body;
  return action;
}

std::string read_directory(std::string_view body, Faults& faults) {
  dom::parser parser;
  const simdjson::padded_string padded{body};
  if (const auto object = parse_object(parser, padded, faults)) {
    std::string_view path;
    const bool is_text = object->at_key("directory").get_string().get(path) == simdjson::SUCCESS;
    if (is_text && path.starts_with('/') && path.find('\0') == std::string_view::npos)
      return std::string{path};
    faults.add("directory", is_text ? "must be an absolute path on the server's machine: /…"
                                    : "is required: an absolute path on the server's machine");
  }
  if (faults.code.empty()) faults.code = code::invalid_body;
  return {};
}

std::string read_log_level(std::string_view body, Faults& faults) {
  dom::parser parser;
  const simdjson::padded_string padded{body};
  if (const auto object = parse_object(parser, padded, faults)) {
    for (const std::string_view name : {"eventLogLevel", "event_log_level"}) {
      std::string_view level;
      if (object->at_key(name).get_string().get(level) == simdjson::SUCCESS)
        return std::string{level};
    }
    faults.add("eventLogLevel", "is required: one of availableLevels");
  }
  if (faults.code.empty()) faults.code = code::invalid_body;
  return {};
}

}  // namespace carillon::net
