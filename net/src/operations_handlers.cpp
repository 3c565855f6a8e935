#include "carillon/engine/event_parser.hpp"
#include "net/src/body_reader.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"

#include <algorithm>
#include <string>

namespace carillon::net {
namespace {

Response state_response(std::string_view status) {
  Response response;
  response.content_type = json_type;
  response.body = R"({"status":")" + std::string{status} + "\"}";
  return response;
}

Response no_log_level() {
  return error_response(404, code::not_found,
                        "This server's log level can't be read or changed over HTTP.");
}

Response config_response(const LogLevelControl& control) {
  Response response;
  response.content_type = json_type;
  response.body = R"({"eventLogLevel":)";
  engine::append_json_string(response.body, control.get());
  response.body += R"(,"availableLevels":[)";
  for (const auto& level : control.available) {
    if (&level != &control.available.front()) response.body += ',';
    engine::append_json_string(response.body, level);
  }
  response.body += "]}";
  return response;
}

std::string lower(std::string_view text) {
  std::string lowered{trim(text)};
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lowered;
}

}  // namespace

Handled handle_alive(const Exchange&) {
  return state_response("alive");
}

Handled handle_ready(const Exchange& exchange) {
  if (exchange.connection.shard().draining())
    return error_response(503, code::draining, "The server is about to stop.");
  const auto health = exchange.net().inbox->health();
  if (!health.writable)
    return error_response(503, code::unavailable, "The store takes no writes: " + health.reason);
  auto ready = state_response("ready");
  if (!health.reason.empty()) {
    ready.body.pop_back();
    ready.body += R"(,"reason":)";
    engine::append_json_string(ready.body, health.reason);
    ready.body += '}';
  }
  return ready;
}

Handled handle_config_get(const Exchange& exchange) {
  const auto& control = exchange.net().options.log_level;
  return control.get ? config_response(control) : no_log_level();
}

Handled handle_config_set(const Exchange& exchange) {
  const auto& control = exchange.net().options.log_level;
  if (!control.get || !control.set) return no_log_level();
  Faults faults;
  const auto level = read_log_level(exchange.request.body, faults);
  if (!faults.any() && !control.set(lower(level))) {
    faults.code = code::invalid_body;
    std::string available;
    for (const auto& known : control.available)
      available += (available.empty() ? "" : ", ") + known;
    faults.add("eventLogLevel", "must be of " + available);
  }
  if (faults.any()) return faults_response(faults);
  return config_response(control);
}

}  // namespace carillon::net
