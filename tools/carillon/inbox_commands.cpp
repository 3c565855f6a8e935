// list, mark, delete: reading and changing the inbox.

#include "carillon/engine/event_parser.hpp"
#include "tools/carillon/commands.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace carillon::client {
namespace {

void add(std::string& query, std::string_view name, const std::string& value) {
  if (value.empty()) return;
  query += query.empty() ? "" : "&";
  query += query_parameter(name, value);
}

std::string ids_json(const std::vector<std::string>& ids) {
  std::string json = "[";
  for (const auto& id : ids) {
    json += json.size() > 1 ? "," : "";
    engine::append_json_string(json, id);
  }
  return json + "]";
}

struct BulkAction {
  Request request;
  std::string_view member;  ///< of the answer: which ids it touched
};

// An id that the server left out of its answer is not in the user's inbox.
int perform(const Common& common, const BulkAction& action, const std::vector<std::string>& ids) {
  HttpClient http{common.endpoint};
  const auto response = http.send(action.request);
  if (!response.succeeded()) return report_failure(response);
  const auto touched = parse_ids(response.body, action.member).value_or(std::vector<std::string>{});
  if (common.output == Output::json) fmt::print("{}\n", response.body);

  bool all_found = true;
  for (const auto& id : ids) {
    if (std::ranges::find(touched, id) == touched.end()) {
      all_found = false;
      fmt::print(stderr, "carillon: {}: no such event in this inbox\n", printable(id));
    } else if (common.output == Output::table) {
      fmt::print("{} {}\n", action.member, id);
    }
  }
  return all_found ? exit_success : exit_refused;
}

std::vector<std::string> lower_case(std::vector<std::string> ids) {
  // The server answers in lower case, whatever case it was asked in.
  for (auto& id : ids)
    std::ranges::transform(id, id.begin(), [](char c) {
      return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    });
  return ids;
}

}  // namespace

std::string to_query(const FilterOptions& filter) {
  std::string query;
  const auto add_all = [&query](std::string_view name, const std::vector<std::string>& values) {
    for (const auto& value : values)
      add(query, name, value);
  };
  add_all("category", filter.categories);
  add_all("action", filter.actions);
  add_all("severity", filter.severities);
  add_all("actedUpon", filter.acted_upon);
  add(query, "status", filter.status);
  add(query, "search", filter.search);
  add(query, "from", filter.from);
  add(query, "to", filter.to);
  return query;
}

int list(const Common& common, const ListOptions& options) {
  auto query = to_query(options.filter);
  add(query, "page", std::to_string(options.page));
  add(query, "pageSize", options.page_size);
  add(query, "sort", options.sort);
  add(query, "order", options.order);

  HttpClient http{common.endpoint};
  const auto response = http.send({.path = "/api/events/list?" + query});
  if (!response.succeeded()) return report_failure(response);
  const auto page = common.output == Output::table ? parse_list(response.body) : std::nullopt;
  if (!page) {
    fmt::print("{}\n", response.body);
    return exit_success;
  }
  fmt::print("{}", format_table(page->rows));
  // On standard error, so that a pipe gets rows only.
  fmt::print(stderr, "{} of {} events\n", page->rows.size(), page->total);
  return exit_success;
}

int mark(const Common& common, const MarkOptions& options) {
  const auto ids = lower_case(options.ids);
  std::string body = "{\"ids\":" + ids_json(ids) + ",\"status\":";
  engine::append_json_string(body, options.status);
  body += '}';
  return perform(common,
                 {.request = {.method = "PUT", .path = "/api/events/status", .body = body},
                  .member = "updated"},
                 ids);
}

int remove(const Common& common, const DeleteOptions& options) {
  const auto ids = lower_case(options.ids);
  return perform(common,
                 {.request = {.method = "POST",
                              .path = "/api/events/delete",
                              .body = "{\"ids\":" + ids_json(ids) + "}"},
                  .member = "deleted"},
                 ids);
}

}  // namespace carillon::client
