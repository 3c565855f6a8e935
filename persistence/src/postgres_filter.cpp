#include "persistence/src/postgres_filter.hpp"

#include <algorithm>
#include <span>
#include <vector>

namespace carillon::persistence {
namespace {

using engine::Filter;
using engine::Uuid;

/// A word that PostgreSQL would not take as text is in no event either.
std::string any_word(const char* column,
                     const std::vector<std::string>& words,
                     PostgresParameters& parameters) {
  if (words.empty()) return {};
  PostgresArray array{PostgresType::text};
  for (const auto& word : words)
    if (is_postgres_text(word)) array.add_text(word);
  return std::string{" AND "} + column + " = ANY (" +
         placeholder(parameters.add_array(PostgresType::text_array, std::move(array))) + ")";
}

std::string any_uuid(const char* column,
                     std::span<const Uuid> uuids,
                     PostgresParameters& parameters) {
  if (uuids.empty()) return {};
  return std::string{" AND "} + column + " = ANY (" + placeholder(parameters.add_uuids(uuids)) +
         ")";
}

std::string any_severity(const std::vector<engine::Severity>& severities) {
  if (severities.empty()) return {};
  std::string list;
  for (const auto severity : severities)
    list += (list.empty() ? "" : ", ") + std::to_string(static_cast<int>(severity));
  return " AND e.severity IN (" + list + ")";
}

/// As Filter::matches: ASCII letters of either case are the same. In collation
/// "C", lower() knows no others.
std::string contains(std::string text, PostgresParameters& parameters) {
  if (text.empty()) return {};
  if (!is_postgres_text(text)) return " AND false";
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return " AND position(" + placeholder(parameters.add_text(text)) +
         " IN lower(e.description)) > 0";
}

}  // namespace

PostgresFilter::PostgresFilter(const Filter& filter, PostgresParameters& parameters)
    : status_{filter.status} {
  conditions_ += any_severity(filter.severities);
  conditions_ += any_word("e.category", filter.categories, parameters);
  conditions_ += any_word("e.action", filter.actions, parameters);
  conditions_ += any_uuid("e.acted_upon", filter.acted_upon, parameters);
  conditions_ += any_uuid("e.system_id", filter.system_ids, parameters);
  conditions_ += any_uuid("coalesce(e.broadcast_owner, e.user_id)", filter.owners, parameters);
  if (filter.from)
    conditions_ += " AND e.created_at >= " + placeholder(parameters.add_time(*filter.from));
  if (filter.to)
    conditions_ += " AND e.created_at <= " + placeholder(parameters.add_time(*filter.to));
  conditions_ += contains(filter.search, parameters);
}

std::string PostgresFilter::conditions(const std::string& status) const {
  if (!status_) return conditions_;
  return conditions_ + " AND " + status + " = " + std::to_string(static_cast<int>(*status_));
}

}  // namespace carillon::persistence
