#include "carillon/engine/event_builder.hpp"

#include "carillon/engine/event_parser.hpp"
#include "engine/src/event_access.hpp"
#include "engine/src/event_rules.hpp"

#include <simdjson.h>

namespace carillon::engine {
namespace {

std::optional<Uuid> given(const Uuid& uuid) noexcept {
  return uuid.is_nil() ? std::nullopt : std::optional{uuid};
}

}  // namespace

EventBuilder& EventBuilder::acted_upon(const Uuid& resource) {
  acted_upon_ = resource;
  return *this;
}

EventBuilder& EventBuilder::from_user(const UserId& owner) {
  owner_ = owner;
  return *this;
}

EventBuilder& EventBuilder::from_system(const Uuid& system_id) {
  system_id_ = system_id;
  return *this;
}

EventBuilder& EventBuilder::with_category(std::string_view category) {
  category_ = category;
  return *this;
}

EventBuilder& EventBuilder::with_action(std::string_view action) {
  action_ = action;
  return *this;
}

EventBuilder& EventBuilder::with_severity(Severity severity) {
  severity_ = severity;
  severity_text_.clear();
  return *this;
}

EventBuilder& EventBuilder::with_severity(std::string_view severity) {
  severity_ = parse_severity(severity);
  severity_text_ = severity;
  return *this;
}

EventBuilder& EventBuilder::with_description(std::string_view utf8) {
  description_ = utf8;
  return *this;
}

EventBuilder& EventBuilder::with_metadata(std::string_view json_object) {
  metadata_ = json_object;
  return *this;
}

EventBuilder& EventBuilder::with_status(Status status) {
  status_ = status;
  return *this;
}

EventBuilder& EventBuilder::with_operation(const Uuid& operation_id) {
  operation_id_ = given(operation_id);
  return *this;
}

EventBuilder& EventBuilder::with_id(const EventId& id) {
  id_ = given(id);
  return *this;
}

EventBuilder& EventBuilder::for_audience(Audience audience) {
  audience_ = audience;
  return *this;
}

BuildResult EventBuilder::build() {
  std::vector<Fault> faults;
  if (audience_ == Audience::user && owner_.is_nil())
    faults.push_back({"owner", "is required: call from_user with the user's UUID"});
  detail::check_kind("category", category_, faults);
  detail::check_kind("action", action_, faults);
  if (!severity_) static_cast<void>(detail::check_severity(severity_text_, faults));

  std::string description_json;
  if (simdjson::validate_utf8(description_)) {
    append_json_string(description_json, description_);
    description_json = description_json.substr(1, description_json.size() - 2);
    detail::check_description(description_json, faults);
  } else {
    faults.push_back({"description", "is not UTF-8"});
  }

  std::string metadata_json = "{}";
  if (!metadata_.empty()) {
    // One level less: the event is an object around its metadata.
    if (const auto fault = check_json(metadata_, nesting_levels_max - 1); !fault.empty()) {
      faults.push_back({"metadata", "is not JSON: " + fault});
    } else if (metadata_json = minify_json(metadata_); metadata_json.front() != '{') {
      faults.push_back({"metadata", "must be a JSON object"});
    }
  }
  if (faults.empty()) detail::check_metadata(severity_, metadata_json, faults);
  if (!faults.empty()) return BuildResult{std::move(faults)};

  return BuildResult{detail::EventAccess::create(
      *pool_, {.id = id_ ? *id_ : make_uuid_v7(),
               .owner = audience_ == Audience::everyone ? UserId{} : owner_,
               .system_id = system_id_,
               .operation_id = operation_id_ ? *operation_id_ : make_uuid_v4(),
               .acted_upon = acted_upon_,
               .category = category_,
               .action = action_,
               .description_json = description_json,
               .metadata_json = metadata_json,
               .severity = *severity_,
               .status = status_,
               .audience = audience_,
               .id_from_publisher = id_.has_value()})};
}

}  // namespace carillon::engine
