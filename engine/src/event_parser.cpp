#include "carillon/engine/event_parser.hpp"

#include "engine/src/event_access.hpp"
#include "engine/src/event_pool_impl.hpp"
#include "engine/src/event_rules.hpp"

#include <simdjson.h>

#include <array>
#include <cstring>
#include <optional>

namespace carillon::engine {
namespace {

namespace ondemand = simdjson::ondemand;

/// The fields of the contract's event table. Those that only the server sets
/// are known so that a doubled one is an error; their values are ignored.
enum class Field : std::uint8_t {
  id,
  owner,
  system_id,
  operation_id,
  acted_upon,
  category,
  action,
  severity,
  description,
  metadata,
  audience,
  status,
  created_at,
  updated_at,
  deleted_at,
  sequence,
};
constexpr std::size_t field_count = 16;

struct FieldName {
  std::string_view name;
  Field field;
};
constexpr std::array field_names{
    FieldName{"id", Field::id},
    FieldName{"owner", Field::owner},
    FieldName{"userId", Field::owner},
    FieldName{"user_id", Field::owner},
    FieldName{"systemId", Field::system_id},
    FieldName{"operationId", Field::operation_id},
    FieldName{"actedUpon", Field::acted_upon},
    FieldName{"category", Field::category},
    FieldName{"action", Field::action},
    FieldName{"severity", Field::severity},
    FieldName{"description", Field::description},
    FieldName{"metadata", Field::metadata},
    FieldName{"audience", Field::audience},
    FieldName{"status", Field::status},
    FieldName{"createdAt", Field::created_at},
    FieldName{"updatedAt", Field::updated_at},
    FieldName{"deletedAt", Field::deleted_at},
    FieldName{"sequence", Field::sequence},
};

const FieldName* find_field(std::string_view name) noexcept {
  for (const auto& known : field_names)
    if (known.name == name) return &known;
  return nullptr;
}

/// Without the white space and the quotes that simdjson leaves on a raw token.
std::string_view inside_quotes(std::string_view token) noexcept {
  const auto end = token.rfind('"');
  return token.substr(1, end - 1);
}

}  // namespace

struct EventParser::Impl {
  Impl(EventPool& event_pool, const Uuid& default_system)
      : pool{event_pool},
        cache{detail::EventAccess::impl_of(event_pool)},
        system_id{default_system} {}

  /// What was read of one text. The views point into `padded` or into the
  /// parser's string buffer, both valid until the next parse.
  struct Fields {
    std::array<bool, field_count> seen{};
    std::array<bool, field_count> wrong{};             // reported already: no second fault for it
    std::array<std::string_view, field_count> text{};  // of string fields
    std::optional<Uuid> id, owner, system_id, operation_id, acted_upon;
    std::string_view owner_name;  // which synonym was used
    std::string_view metadata = "{}";
    Audience audience = Audience::user;
  };

  bool read(std::string_view json, Fields& fields, std::vector<Fault>& faults);
  void read_field(const FieldName& known,
                  ondemand::value value,
                  Fields& fields,
                  std::vector<Fault>& faults);
  void read_uuid(const FieldName& known,
                 ondemand::value value,
                 Fields& fields,
                 std::vector<Fault>& faults);
  void read_metadata(ondemand::value value, Fields& fields, std::vector<Fault>& faults);
  std::optional<Severity> check(Fields& fields, std::vector<Fault>& faults);
  ParseResult finish(Fields& fields, std::vector<Fault> faults, const Publisher& publisher);

  EventPool& pool;
  detail::BlockCache cache;
  Uuid system_id;
  ondemand::parser parser;
  std::string padded;
  std::string minified;
};

bool EventParser::Impl::read(std::string_view json, Fields& fields, std::vector<Fault>& faults) {
  padded.resize(json.size() + simdjson::SIMDJSON_PADDING);
  std::memcpy(padded.data(), json.data(), json.size());
  std::memset(padded.data() + json.size(), ' ', simdjson::SIMDJSON_PADDING);
  ondemand::document document;
  if (parser.iterate(padded.data(), json.size(), padded.size()).get(document) != simdjson::SUCCESS)
    return false;
  ondemand::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) return false;
  for (auto member : object) {
    std::string_view name;
    ondemand::value value;
    if (member.unescaped_key().get(name) != simdjson::SUCCESS) continue;  // a lone surrogate
    const auto* known = find_field(name);
    if (known == nullptr) continue;
    if (member.value().get(value) != simdjson::SUCCESS) return false;
    auto& seen = fields.seen[static_cast<std::size_t>(known->field)];
    if (seen) {
      std::string error = "is given twice";
      if (known->field == Field::owner) error += " (userId and user_id are other names of owner)";
      faults.push_back({std::string{known->name}, std::move(error)});
      continue;
    }
    seen = true;
    read_field(*known, value, fields, faults);
  }
  return true;
}

void EventParser::Impl::read_field(const FieldName& known,
                                   ondemand::value value,
                                   Fields& fields,
                                   std::vector<Fault>& faults) {
  switch (known.field) {
    case Field::id:
    case Field::owner:
    case Field::system_id:
    case Field::operation_id:
    case Field::acted_upon:
      return read_uuid(known, value, fields, faults);
    case Field::metadata:
      return read_metadata(value, fields, faults);
    case Field::status:
    case Field::created_at:
    case Field::updated_at:
    case Field::deleted_at:
    case Field::sequence:
      return;
    default:
      break;
  }
  if (value.is_null()) return;  // as if absent
  const auto index = static_cast<std::size_t>(known.field);
  if (value.type().value_unsafe() != ondemand::json_type::string) {
    fields.wrong[index] = true;
    faults.push_back({std::string{known.name}, "must be a string"});
  } else if (known.field == Field::description) {
    // It stays escaped: it goes out as it came.
    fields.text[index] = inside_quotes(value.raw_json_token());
  } else if (value.get_string().get(fields.text[index]) != simdjson::SUCCESS) {
    fields.wrong[index] = true;
    faults.push_back({std::string{known.name}, "is not a valid Unicode string"});
  }
}

void EventParser::Impl::read_uuid(const FieldName& known,
                                  ondemand::value value,
                                  Fields& fields,
                                  std::vector<Fault>& faults) {
  if (value.is_null()) return;
  std::string_view text;
  std::optional<Uuid> uuid;
  if (value.type().value_unsafe() == ondemand::json_type::string &&
      value.get_string().get(text) == simdjson::SUCCESS)
    uuid = parse_uuid(text);
  if (!uuid) {
    faults.push_back({std::string{known.name},
                      "must be a UUID such as \"018f2f6e-7c3a-7b4e-9d2a-5f1c0e8a7b6d\""});
    return;
  }
  if (uuid->is_nil()) return;  // what Go clients send for "not set"
  switch (known.field) {
    case Field::id:
      fields.id = uuid;
      break;
    case Field::owner:
      fields.owner = uuid;
      fields.owner_name = known.name;
      break;
    case Field::system_id:
      fields.system_id = uuid;
      break;
    case Field::operation_id:
      fields.operation_id = uuid;
      break;
    default:
      fields.acted_upon = uuid;
      break;
  }
}

void EventParser::Impl::read_metadata(ondemand::value value,
                                      Fields& fields,
                                      std::vector<Fault>& faults) {
  if (value.is_null()) return;
  ondemand::object object;
  if (value.type().value_unsafe() != ondemand::json_type::object ||
      value.get_object().get(object) != simdjson::SUCCESS) {
    fields.wrong[static_cast<std::size_t>(Field::metadata)] = true;
    faults.push_back({"metadata", "must be a JSON object"});
    return;
  }
  std::string_view raw;
  if (object.raw_json().get(raw) != simdjson::SUCCESS) {
    fields.wrong[static_cast<std::size_t>(Field::metadata)] = true;
    faults.push_back({"metadata", "can't be read"});
    return;
  }
  minified.resize(raw.size());
  std::size_t bytes = 0;
  if (simdjson::minify(raw.data(), raw.size(), minified.data(), bytes) == simdjson::SUCCESS) {
    fields.metadata = std::string_view{minified}.substr(0, bytes);
  } else {
    fields.metadata = raw;
  }
}

/// The rules that need the whole event; what is wrong by itself is reported.
std::optional<Severity> EventParser::Impl::check(Fields& fields, std::vector<Fault>& faults) {
  const auto text = [&fields](Field field) { return fields.text[static_cast<std::size_t>(field)]; };
  const auto wrong = [&fields](Field field) {
    return fields.wrong[static_cast<std::size_t>(field)];
  };
  if (!wrong(Field::category)) detail::check_kind("category", text(Field::category), faults);
  if (!wrong(Field::action)) detail::check_kind("action", text(Field::action), faults);
  std::optional<Severity> severity;
  if (!wrong(Field::severity)) severity = detail::check_severity(text(Field::severity), faults);
  detail::check_description(text(Field::description), faults);
  const auto audience = text(Field::audience);
  if (audience == "everyone") {
    fields.audience = Audience::everyone;
  } else if (!audience.empty() && audience != "user") {
    faults.push_back({"audience", "must be \"user\" (the owner; the default) or \"everyone\""});
  }
  if (!wrong(Field::metadata)) detail::check_metadata(severity, fields.metadata, faults);
  return severity;
}

ParseResult EventParser::Impl::finish(Fields& fields,
                                      std::vector<Fault> faults,
                                      const Publisher& publisher) {
  const auto severity = check(fields, faults);
  ParseResult result;
  if (!faults.empty()) {
    result.fault = ParseFault::invalid_event;
    result.error = "The event is invalid: " + faults.front().field + " " + faults.front().error;
    if (faults.size() > 1)
      result.error += ", and " + std::to_string(faults.size() - 1) + " more (see details)";
    result.details = std::move(faults);
    return result;
  }
  if (!publisher.service && ((fields.owner && *fields.owner != publisher.user) ||
                             fields.audience == Audience::everyone)) {
    const bool broadcast = fields.audience == Audience::everyone;
    result.fault = ParseFault::forbidden;
    result.error = broadcast ? "Only a service may publish to everyone; leave audience out"
                             : "Only a service may publish for another user; leave " +
                                   std::string{fields.owner_name} + " out";
    result.details = {{broadcast ? "audience" : std::string{fields.owner_name},
                       "is not allowed for this caller"}};
    return result;
  }
  const auto text = [&fields](Field field) { return fields.text[static_cast<std::size_t>(field)]; };
  const auto owner = fields.owner ? *fields.owner : publisher.user;
  result.event = detail::EventAccess::create(
      pool, cache,
      {.id = fields.id ? *fields.id : make_uuid_v7(),
       .owner = fields.audience == Audience::everyone ? UserId{} : owner,
       .system_id = fields.system_id && publisher.service ? *fields.system_id : system_id,
       .operation_id = fields.operation_id ? *fields.operation_id : make_uuid_v4(),
       .acted_upon = fields.acted_upon.value_or(Uuid{}),
       .category = text(Field::category),
       .action = text(Field::action),
       .description_json = text(Field::description),
       .metadata_json = fields.metadata,
       .severity = *severity,
       .audience = fields.audience,
       .id_from_publisher = fields.id.has_value()});
  return result;
}

EventParser::EventParser(EventPool& pool, const Uuid& system_id)
    : impl_{std::make_unique<Impl>(pool, system_id)} {
}
EventParser::~EventParser() = default;

ParseResult EventParser::parse(std::string_view json, const Publisher& publisher) {
  ParseResult result;
  result.fault = ParseFault::malformed_json;
  if (const auto fault = check_json(json); !fault.empty()) {
    result.error = "The body is not valid JSON: " + fault;
    return result;
  }
  const auto first = json.find_first_not_of(" \t\r\n");
  if (json[first] != '{') {
    result.fault = ParseFault::invalid_event;
    result.error = "An event must be a JSON object";
    return result;
  }
  Impl::Fields fields;
  std::vector<Fault> faults;
  if (!impl_->read(json, fields, faults)) {
    result.error = "The body can't be read as JSON";
    return result;
  }
  return impl_->finish(fields, std::move(faults), publisher);
}

}  // namespace carillon::engine
