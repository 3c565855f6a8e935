#include "net/src/filter_fields.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace carillon::net {
namespace {

enum class Field : std::uint8_t {
  category,
  action,
  severity,
  acted_upon,
  system_id,
  owner,
  status,
  search,
  from,
  to,
};

struct Spelling {
  std::string_view name;
  Field field;
};
constexpr std::array spellings{
    Spelling{"category", Field::category},
    Spelling{"action", Field::action},
    Spelling{"severity", Field::severity},
    Spelling{"actedUpon", Field::acted_upon},
    Spelling{"acted_upon", Field::acted_upon},
    Spelling{"systemId", Field::system_id},
    Spelling{"system_id", Field::system_id},
    Spelling{"owner", Field::owner},
    Spelling{"author", Field::owner},
    Spelling{"status", Field::status},
    Spelling{"search", Field::search},
    Spelling{"from", Field::from},
    Spelling{"to", Field::to},
};

std::optional<Field> find_field(std::string_view name) noexcept {
  const auto* const found = std::find_if(spellings.begin(), spellings.end(),
                                         [&](const auto& it) { return it.name == name; });
  return found == spellings.end() ? std::nullopt : std::optional{found->field};
}

void add_uuid(std::vector<engine::Uuid>& values,
              std::string_view field,
              std::string_view value,
              Faults& faults) {
  if (const auto uuid = engine::parse_uuid(value)) {
    values.push_back(*uuid);
  } else {
    faults.add(field, "must be a UUID, or several");
  }
}

/// A field that takes one value was given a second, different one.
template <class T>
void set_once(std::optional<T>& target, const T& value, std::string_view field, Faults& faults) {
  if (target && *target != value) faults.add(field, "is given twice with different values");
  target = value;
}

void set_time(std::optional<engine::Timestamp>& target,
              std::string_view field,
              std::string_view value,
              Faults& faults) {
  if (const auto time = engine::parse_timestamp(value)) {
    set_once(target, *time, field, faults);
  } else {
    faults.add(field, "must be a time as RFC 3339 has it, such as 2026-11-23T19:14:10Z");
  }
}

}  // namespace

bool is_list_field(std::string_view name) noexcept {
  const auto field = find_field(name);
  return field && *field <= Field::owner;
}

bool is_single_field(std::string_view name) noexcept {
  const auto field = find_field(name);
  return field && *field > Field::owner;
}

bool add_filter_value(engine::Filter& filter,
                      std::string_view name,
                      std::string_view value,
                      Faults& faults) {
  const auto field = find_field(name);
  if (!field) return false;
  switch (*field) {
    case Field::category:
      filter.categories.emplace_back(value);
      break;
    case Field::action:
      filter.actions.emplace_back(value);
      break;
    case Field::severity:
      if (const auto severity = engine::parse_severity(value)) {
        filter.severities.push_back(*severity);
      } else {
        faults.add(name,
                   "must be of alert, critical, debug, emergency, error, informational, success, "
                   "warning");
      }
      break;
    case Field::acted_upon:
      add_uuid(filter.acted_upon, name, value, faults);
      break;
    case Field::system_id:
      add_uuid(filter.system_ids, name, value, faults);
      break;
    case Field::owner:
      add_uuid(filter.owners, name, value, faults);
      break;
    case Field::status:
      if (const auto status = engine::parse_status(value)) {
        set_once(filter.status, *status, name, faults);
      } else {
        faults.add(name, "must be read or unread");
      }
      break;
    case Field::search:
      if (!filter.search.empty() && filter.search != value)
        faults.add(name, "is given twice with different values");
      filter.search = value;
      break;
    case Field::from:
      set_time(filter.from, name, value, faults);
      break;
    case Field::to:
      set_time(filter.to, name, value, faults);
      break;
  }
  return true;
}

}  // namespace carillon::net
