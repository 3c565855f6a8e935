#include "carillon/engine/filter.hpp"

#include "carillon/engine/event_parser.hpp"

#include <algorithm>
#include <string_view>

namespace carillon::engine {
namespace {

template <class Values, class Value>
bool asks_for(const Values& wanted, const Value& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool contains_ignoring_case(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

bool description_contains(std::string_view description_json, std::string_view part) {
  // Only an escaped description has to be decoded first; most are not.
  if (description_json.find('\\') == std::string_view::npos)
    return contains_ignoring_case(description_json, part);
  return contains_ignoring_case(unescape_json(description_json), part);
}

}  // namespace

bool Filter::matches_everything() const noexcept {
  return categories.empty() && actions.empty() && severities.empty() && acted_upon.empty() &&
         system_ids.empty() && owners.empty() && !status && search.empty() && !from && !to;
}

bool Filter::matches(const EventView& event, Status status_now) const {
  return asks_for(severities, event.severity) && asks_for(categories, event.category) &&
         asks_for(actions, event.action) && asks_for(acted_upon, event.acted_upon) &&
         asks_for(system_ids, event.system_id) && asks_for(owners, event.owner) &&
         (!status || *status == status_now) && (!from || event.created_at >= *from) &&
         (!to || event.created_at <= *to) &&
         (search.empty() || description_contains(event.description_json, search));
}

}  // namespace carillon::engine
