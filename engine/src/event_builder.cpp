#include "carillon/engine/event_builder.hpp"

#include "carillon/engine/event_parser.hpp"
#include "engine/src/event_access.hpp"
#include "engine/src/event_pool_impl.hpp"
#include "engine/src/event_rules.hpp"

#include <simdjson.h>

namespace carillon::engine {
namespace {

std::optional<Uuid> given(const Uuid& uuid) noexcept {
  return uuid.is_nil() ? std::nullopt : std::optional{uuid};
}

}  // namespace

struct EventBuilder::Kept {
  explicit Kept(EventPool& pool) : cache{detail::EventAccess::impl_of(pool)} {}

  detail::BlockCache cache;
  detail::PreparedEvent event;
  std::string description_json;
};

EventBuilder::EventBuilder(EventPool& pool) noexcept : pool_{&pool} {
}
EventBuilder::EventBuilder(EventBuilder&& other) noexcept = default;
EventBuilder& EventBuilder::operator=(EventBuilder&& other) noexcept = default;
EventBuilder::~EventBuilder() = default;

EventBuilder& EventBuilder::acted_upon(const Uuid& resource) {
  acted_upon_ = resource;
  if (prepared_ && kept_) detail::set_acted_upon(kept_->event, resource);
  return *this;
}

EventBuilder& EventBuilder::from_user(const UserId& owner) {
  owner_ = owner;
  prepared_ = prepared_ && !owner.is_nil();  // nil is a fault, unless for everyone
  if (prepared_ && kept_ && audience_ == Audience::user) detail::set_owner(kept_->event, owner);
  return *this;
}

EventBuilder& EventBuilder::from_system(const Uuid& system_id) {
  system_id_ = system_id;
  if (prepared_ && kept_) detail::set_system(kept_->event, system_id);
  return *this;
}

EventBuilder& EventBuilder::with_category(std::string_view category) {
  category_ = category;
  prepared_ = false;
  return *this;
}

EventBuilder& EventBuilder::with_action(std::string_view action) {
  action_ = action;
  prepared_ = false;
  return *this;
}

EventBuilder& EventBuilder::with_severity(Severity severity) {
  severity_ = severity;
  severity_text_.clear();
  prepared_ = false;
  return *this;
}

EventBuilder& EventBuilder::with_severity(std::string_view severity) {
  severity_ = parse_severity(severity);
  severity_text_ = severity;
  prepared_ = false;
  return *this;
}

EventBuilder& EventBuilder::with_description(std::string_view utf8) {
  description_ = utf8;
  prepared_ = false;
  return *this;
}

EventBuilder& EventBuilder::with_metadata(std::string_view json_object) {
  metadata_ = json_object;
  prepared_ = false;
  return *this;
}

EventBuilder& EventBuilder::with_status(Status status) {
  status_ = status;
  prepared_ = false;
  return *this;
}

EventBuilder& EventBuilder::with_operation(const Uuid& operation_id) {
  operation_id_ = given(operation_id);
  return *this;
}

EventBuilder& EventBuilder::with_id(const EventId& id) {
  id_ = given(id);
  prepared_ = false;
  return *this;
}

EventBuilder& EventBuilder::for_audience(Audience audience) {
  audience_ = audience;
  prepared_ = false;
  return *this;
}

bool EventBuilder::prepare(std::vector<Fault>& faults) {
  if (kept_ == nullptr) kept_ = std::make_unique<Kept>(*pool_);
  if (audience_ == Audience::user && owner_.is_nil())
    faults.push_back({"owner", "is required: call from_user with the user's UUID"});
  detail::check_kind("category", category_, faults);
  detail::check_kind("action", action_, faults);
  if (!severity_) static_cast<void>(detail::check_severity(severity_text_, faults));

  auto& quoted = kept_->description_json;
  quoted.clear();
  std::string_view description_json;
  if (simdjson::validate_utf8(description_)) {
    append_json_string(quoted, description_);
    description_json = std::string_view{quoted}.substr(1, quoted.size() - 2);
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
  if (!faults.empty()) return false;

  detail::prepare(kept_->event, {.id = {},
                                 .owner = audience_ == Audience::everyone ? UserId{} : owner_,
                                 .system_id = system_id_,
                                 .operation_id = {},
                                 .acted_upon = acted_upon_,
                                 .category = category_,
                                 .action = action_,
                                 .description_json = description_json,
                                 .metadata_json = metadata_json,
                                 .severity = *severity_,
                                 .status = status_,
                                 .audience = audience_,
                                 .id_from_publisher = id_.has_value()});
  return true;
}

BuildResult EventBuilder::build() {
  if (!prepared_ || kept_ == nullptr) {  // nothing is kept after a move from here
    std::vector<Fault> faults;
    prepared_ = prepare(faults);
    if (!prepared_) return BuildResult{std::move(faults)};
  }
  auto event = detail::EventAccess::copy(*pool_, kept_->cache, kept_->event);
  detail::EventAccess::set_ids(event, id_ ? *id_ : make_uuid_v7(),
                               operation_id_ ? *operation_id_ : make_uuid_v4());
  return BuildResult{std::move(event)};
}

}  // namespace carillon::engine
