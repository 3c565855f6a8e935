#include "net/src/list_query.hpp"

#include "net/src/filter_fields.hpp"
#include "net/src/request.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace carillon::net {
namespace {

/// `["a","b"]`; false unless it is an array of strings and nothing more.
bool add_json_values(engine::Filter& filter,
                     std::string_view field,
                     std::string_view text,
                     Faults& faults) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded{text};
  simdjson::dom::array array;
  if (parser.parse(padded).get_array().get(array) != simdjson::SUCCESS) return false;
  for (const auto element : array) {
    std::string_view value;
    if (element.get_string().get(value) != simdjson::SUCCESS) return false;
    static_cast<void>(add_filter_value(filter, field, value, faults));
  }
  return true;
}

/// One parameter of a list field: a JSON array, or values separated by commas.
void add_list(engine::Filter& filter,
              std::string_view field,
              std::string_view text,
              Faults& faults) {
  text = trim(text);
  if (text.starts_with('[')) {
    if (!add_json_values(filter, field, text, faults))
      faults.add(field, R"(must be a JSON array of strings, such as ["a","b"], or a,b)");
    return;
  }
  bool found = false;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    const auto value = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (value.empty()) continue;
    found = true;
    static_cast<void>(add_filter_value(filter, field, value, faults));
  }
  if (!found) faults.add(field, "names no value");
}

std::optional<std::uint64_t> read_number(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::uint64_t read_page_size(const QueryString& query, Faults& faults) {
  constexpr std::uint64_t default_size = 25;
  for (const std::string_view name : {"pagesize", "pageSize", "page_size", "limit"}) {
    const auto text = query.find(name);
    if (!text) continue;
    if (equal_ignoring_case(*text, "all")) return page_size_max;
    const auto size = read_number(*text);
    if (size && *size > 0) return std::min(*size, page_size_max);
    faults.add(name, "must be a number from 1, or all (both are capped at 10000)");
    return default_size;
  }
  return default_size;
}

std::uint64_t read_page(const QueryString& query, Faults& faults) {
  constexpr std::uint64_t page_max = 1'000'000'000'000;  // times page_size_max fits 64 bits
  const auto text = query.find("page");
  if (!text) return 0;
  const auto page = read_number(*text);
  if (page && *page <= page_max) return *page;
  faults.add("page", "must be a number from 0");
  return 0;
}

std::optional<engine::SortKey> read_sort_key(std::string_view word) noexcept {
  if (word == "created_at" || word == "createdAt") return engine::SortKey::created_at;
  if (word == "updated_at" || word == "updatedAt") return engine::SortKey::updated_at;
  return std::nullopt;
}

/// `sort` and `order` may each hold a column, a direction, or both.
void read_order(std::string_view name,
                std::string_view text,
                engine::ListQuery& list,
                Faults& faults) {
  text = trim(text);
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text = trim(text.substr(end));
    if (const auto key = read_sort_key(word)) {
      list.sort = *key;
    } else if (equal_ignoring_case(word, "asc")) {
      list.descending = false;
    } else if (equal_ignoring_case(word, "desc")) {
      list.descending = true;
    } else {
      faults.add(name,
                 "must be created_at or updated_at, asc or desc, or a column and a direction");
      return;
    }
  }
}

}  // namespace

engine::Filter read_filter(const QueryString& query, Faults& faults) {
  engine::Filter filter;
  for (const auto& [name, value] : query.parameters()) {
    if (value.empty()) continue;
    if (is_list_field(name)) {
      add_list(filter, name, value, faults);
    } else if (is_single_field(name)) {
      static_cast<void>(add_filter_value(filter, name, value, faults));
    }
  }
  if (faults.details.size() > 1 || (faults.any() && faults.code.empty()))
    faults.code = code::invalid_query;
  return filter;
}

std::optional<engine::Position> read_cursor(std::string_view field,
                                            std::string_view text,
                                            engine::Epoch epoch,
                                            Faults& faults) {
  const auto cursor = engine::parse_cursor(text);
  if (cursor && cursor->epoch == epoch) return cursor->position;
  // Stays the answer's code only if nothing else is wrong: it tells what to do.
  const auto own_code = cursor ? code::stale_cursor : code::invalid_cursor;
  if (!faults.any()) faults.code = own_code;
  faults.add(field,
             cursor ? "is a cursor of a store that was replaced or rolled back: list again from "
                      "the beginning"
                    : "is not a cursor: use one exactly as the server gave it");
  return std::nullopt;
}

engine::ListQuery read_list_query(const QueryString& query,
                                  const engine::UserId& user,
                                  engine::Epoch epoch,
                                  Faults& faults) {
  engine::ListQuery list;
  list.user = user;
  const auto after = query.find("after");
  const auto before = query.find("before");
  if (after) list.after = read_cursor("after", *after, epoch, faults);
  if (before) list.before = read_cursor("before", *before, epoch, faults);
  if (after && before) faults.add("before", "excludes after: page in one direction");
  list.page_size = read_page_size(query, faults);
  list.page = after || before ? 0 : read_page(query, faults);
  for (const std::string_view name : {"sort", "order"})
    if (const auto text = query.find(name)) read_order(name, *text, list, faults);
  list.filter = read_filter(query, faults);
  return list;
}

}  // namespace carillon::net
