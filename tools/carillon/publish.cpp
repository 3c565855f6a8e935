#include "carillon/engine/event_parser.hpp"
#include "tools/carillon/commands.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

namespace carillon::client {
namespace {

void append_member(std::string& json, std::string_view name, const std::string& text) {
  if (text.empty()) return;
  json += json.size() > 1 ? "," : "";
  engine::append_json_string(json, name);
  json += ':';
  engine::append_json_string(json, text);
}

std::string event_of(const PublishOptions& options) {
  std::string json = "{";
  append_member(json, "id", options.id);
  append_member(json, "owner", options.owner);
  append_member(json, "actedUpon", options.acted_upon);
  append_member(json, "category", options.category);
  append_member(json, "action", options.action);
  append_member(json, "severity", options.severity);
  append_member(json, "description", options.description);
  if (!options.metadata.empty()) json += ",\"metadata\":" + options.metadata;
  return json + "}";
}

std::optional<std::string> read_all(const std::string& path) {
  if (path == "-") return std::string{std::istreambuf_iterator<char>{std::cin}, {}};
  std::ifstream file{path, std::ios::binary};
  if (!file) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

int publish(const Common& common, const PublishOptions& options) {
  Request request{.method = "POST", .path = "/api/events"};
  if (options.async) request.headers.emplace_back("Prefer: respond-async");
  if (options.file.empty()) {
    // Wrong JSON here would be reported by the server against a text that the
    // user never wrote.
    const auto fault = options.metadata.empty() ? "" : engine::check_json(options.metadata);
    if (!fault.empty()) {
      fmt::print(stderr, "carillon: --metadata is not JSON: {}\n", fault);
      return exit_usage;
    }
    request.body = event_of(options);
  } else {
    const auto text = read_all(options.file);
    if (!text || text->empty()) {
      fmt::print(stderr, "carillon: {}: no event can be read\n", options.file);
      return exit_usage;
    }
    request.body = *text;
  }

  HttpClient http{common.endpoint};
  const auto response = http.send(request);
  if (!response.succeeded()) return report_failure(response);
  const auto row = common.output == Output::table ? parse_event(response.body) : std::nullopt;
  if (row)
    fmt::print("{}", format_table({*row}));
  else
    fmt::print("{}\n", response.body);
  return exit_success;
}

}  // namespace carillon::client
