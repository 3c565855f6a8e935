#include "carillon/engine/event_parser.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"
#include "net/src/list_query.hpp"
#include "net/src/media_type.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace carillon::net {
namespace {

Response json_response(std::string body) {
  Response response;
  response.content_type = json_type;
  response.body = std::move(body);
  return response;
}

void append_member(std::string& out, std::string_view name, std::uint64_t number) {
  out += '"';
  out += name;
  out += "\":";
  out += std::to_string(number);
}

/// `[{"severity":"error","count":2}…]`, as Meshery groups them: only those that are.
void append_severity_counts(std::string& out, const engine::EventPage& page) {
  out += R"(,"countBySeverityLevel":[)";
  bool first = true;
  for (const auto severity : engine::all_severities) {
    const auto count = page.count_by_severity[static_cast<std::size_t>(severity)];
    if (count == 0) continue;
    if (!std::exchange(first, false)) out += ',';
    out += R"({"severity":")";
    out += engine::to_string(severity);
    out += R"(",)";
    append_member(out, "count", count);
    out += '}';
  }
  out += ']';
}

Response list_response(const engine::EventPage& page, Family family) {
  std::size_t events_bytes = 0;
  for (const auto& event : page.events)
    events_bytes += event.size() + 1;
  std::string body;
  body.reserve(events_bytes + 768);
  body += '{';
  append_member(body, "page", page.page);
  body += ',';
  append_member(body, "pageSize", page.page_size);
  body += ',';
  append_member(body, "totalCount", page.total_count);
  body += ',';
  append_member(body, "readCount", page.read_count);
  append_severity_counts(body, page);
  body += family == Family::schema ? R"(,"data":[)" : R"(,"events":[)";
  for (const auto& event : page.events) {
    if (&event != &page.events.front()) body += ',';
    body += event;
  }
  body += R"(],"cursor":")" + engine::to_string(page.cursor) + "\"}";
  return json_response(std::move(body));
}

Response aggregate_response(const engine::Aggregate& aggregate) {
  std::string body = "{";
  append_member(body, "total", aggregate.total);
  body += R"(,"byStatus":{)";
  for (const auto status : {engine::Status::unread, engine::Status::read}) {
    if (status != engine::Status::unread) body += ',';
    append_member(body, engine::to_string(status),
                  aggregate.by_status[static_cast<std::size_t>(status)]);
  }
  body += R"(},"bySeverity":{)";
  for (const auto severity : engine::all_severities) {
    if (severity != engine::all_severities.front()) body += ',';
    append_member(body, engine::to_string(severity),
                  aggregate.by_severity[static_cast<std::size_t>(severity)]);
  }
  body += R"(},"byCategory":{)";
  bool first = true;
  for (const auto& [category, count] : aggregate.by_category) {
    if (!std::exchange(first, false)) body += ',';
    append_member(body, category, count);  // snake_case: nothing to escape
  }
  // Meshery's schema: the number of events of the category `audit`.
  const auto audit = aggregate.by_category.find("audit");
  body += "},";
  append_member(body, "audit", audit == aggregate.by_category.end() ? 0 : audit->second);
  body += '}';
  return json_response(std::move(body));
}

std::string kind_pairs(const std::vector<engine::Kind>& kinds) {
  std::string body = "[";
  for (const auto& kind : kinds) {
    if (&kind != &kinds.front()) body += ',';
    body += R"({"category":")" + kind.category + R"(","action":")" + kind.action + "\"}";
  }
  return body + "]";
}

std::string sorted_words(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::string body = "[";
  for (const auto& word : words) {
    if (&word != &words.front()) body += ',';
    body += '"' + word + '"';
  }
  return body + "]";
}

Response kinds_response(std::vector<engine::Kind> kinds, Family family) {
  std::sort(kinds.begin(), kinds.end());
  if (family == Family::schema) return json_response(kind_pairs(kinds));
  std::vector<std::string> categories;
  std::vector<std::string> actions;
  for (auto& kind : kinds) {
    categories.push_back(std::move(kind.category));
    actions.push_back(std::move(kind.action));
  }
  return json_response(R"({"category":)" + sorted_words(std::move(categories)) + R"(,"action":)" +
                       sorted_words(std::move(actions)) + "}");
}

}  // namespace

Handled handle_list(const Exchange& exchange) {
  Faults faults;
  auto query = read_list_query(exchange.query, exchange.caller.user,
                               exchange.net().broadcaster->epoch(), faults);
  if (faults.any()) return faults_response(faults);
  exchange.net().inbox->list(
      std::move(query), [reply = make_reply(exchange),
                         family = exchange.route.family](engine::Result<engine::EventPage> page) {
        reply(page ? list_response(*page, family) : store_error_response(page.error()));
      });
  return std::nullopt;
}

Handled handle_aggregate(const Exchange& exchange) {
  const auto accept = exchange.request.joined_header("Accept");
  if (accepts_explicitly(accept, "text/event-stream") || !accepts(accept, json_type))
    return handle_subscribe(exchange);
  exchange.net().inbox->aggregate(
      exchange.caller.user,
      [reply = make_reply(exchange)](engine::Result<engine::Aggregate> aggregate) {
        reply(aggregate ? aggregate_response(*aggregate) : store_error_response(aggregate.error()));
      });
  return std::nullopt;
}

Handled handle_kinds(const Exchange& exchange) {
  exchange.net().inbox->kinds(exchange.caller.user,
                              [reply = make_reply(exchange), family = exchange.route.family](
                                  engine::Result<std::vector<engine::Kind>> kinds) {
                                reply(kinds ? kinds_response(*std::move(kinds), family)
                                            : store_error_response(kinds.error()));
                              });
  return std::nullopt;
}

Handled handle_get(const Exchange& exchange) {
  exchange.net().inbox->get(
      exchange.caller.user, exchange.route.id,
      [reply = make_reply(exchange)](engine::Result<std::string> event) {
        reply(event ? json_response(*std::move(event)) : store_error_response(event.error()));
      });
  return std::nullopt;
}

}  // namespace carillon::net
