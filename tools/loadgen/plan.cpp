#include "tools/loadgen/plan.hpp"

#include "tools/loadgen/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace carillon::loadgen {
namespace {

constexpr const char* subscribe_path = "/api/events/subscribe?user={{user}}";
constexpr const char* resume_path = "/api/events/subscribe?user={{user}}&after={{cursor}}";
constexpr const char* publish_path = "/api/events?user={{user}}";
constexpr const char* batch_path = "/api/events/batch?user={{user}}";
// A filter that nothing passes: this connection publishes only.
constexpr const char* publish_socket_path =
    "/api/events/subscribe?user={{user}}&category=none_of_the_load";
constexpr const char* event_members =
    R"("category":"load","action":"publish","severity":"informational",)"
    R"("description":"{{stamp}}","metadata":{"padding":"{{padding}}"})";

// Runs `parse`; what it throws gets the option's name in front.
template <class Parse>
auto for_option(const char* option, Parse&& parse) {
  try {
    return parse();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument{fmt::format("{}: {}", option, error.what())};
  }
}

TextTemplate parse_template(const char* option, const std::string& text) {
  return for_option(option, [&text] { return TextTemplate{text}; });
}

// What is looked for may be bytes ({{hex:…}}), but nothing that changes.
std::string literal(const char* option, const std::string& text) {
  return parse_template(option, text).render({});
}

std::vector<TextTemplate> parse_headers(const std::vector<std::string>& common,
                                        const char* own_option,
                                        const std::vector<std::string>& own) {
  std::vector<TextTemplate> headers;
  const auto add = [&headers](const char* option, const std::string& text) {
    if (text.find(": ") == std::string::npos || text.find_first_of("\r\n") != std::string::npos)
      throw std::invalid_argument{
          fmt::format("{}: '{}' must be one line 'Name: value'", option, text)};
    headers.push_back(parse_template(option, text));
  };
  for (const auto& text : common)
    add("--header", text);
  for (const auto& text : own)
    add(own_option, text);
  return headers;
}

// http://host… as ws://host…, and the other way round.
std::string carillon_url(const Options& options, bool websocket, const char* path) {
  const auto url = for_option("--url", [&options] {
    auto parsed = parse_url(options.url);
    if (parsed.target.render({}) != "/")
      throw std::invalid_argument{fmt::format(
          "'{}': no path belongs here; --subscribe-url and --publish-url take one", options.url)};
    return parsed;
  });
  return fmt::format("{}://{}{}", websocket ? "ws" : "http", url.authority, path);
}

// Only `verify` looks for them unless told to: it costs as much as finding a stamp.
void plan_checking(SubscribePlan& plan, const Options& options) {
  plan.id = literal("--id", options.id);
  plan.sequence = literal("--sequence", options.sequence);
  plan.order = options.scenario == Scenario::verify && !options.any_order;
  if (options.scenario != Scenario::verify || !options.subscribe_url.empty()) return;
  if (plan.id.empty()) plan.id = R"("id":")";
  if (plan.sequence.empty()) plan.sequence = R"("sequence":)";
}

void plan_resuming(SubscribePlan& plan, const Options& options) {
  plan.resumes = options.cut_rate > 0;
  if (!plan.resumes) return;
  plan.cursor = literal("--cursor", options.cursor);
  auto address = options.resume_url;
  auto headers = options.resume_headers;
  if (options.subscribe_url.empty()) {
    const bool websocket = plan.url.websocket;
    if (plan.cursor.empty()) plan.cursor = websocket ? R"("cursor":")" : "id: ";
    if (address.empty() && headers.empty()) {
      if (websocket)
        address = carillon_url(options, websocket, resume_path);
      else
        headers = {"Last-Event-ID: {{cursor}}"};
    }
  }
  if (plan.cursor.empty())
    throw std::invalid_argument{"--cut-rate: --cursor must say what stands before a cursor"};
  plan.resume_url = address.empty()
                        ? plan.url
                        : for_option("--resume-url", [&address] { return parse_url(address); });
  plan.resume_headers = parse_headers({}, "--resume-header", headers);
  const auto uses = [](const TextTemplate& text) { return text.uses("cursor"); };
  if (!uses(plan.resume_url.target) &&
      std::none_of(plan.resume_headers.begin(), plan.resume_headers.end(), uses))
    throw std::invalid_argument{
        "--cut-rate: {{cursor}} is missing in --resume-url and --resume-header"};
}

}  // namespace

SubscribePlan plan_subscribing(const Options& options) {
  SubscribePlan plan;
  plan.subprotocol = options.subprotocol;
  plan.binary = options.binary;
  plan.ready = literal("--ready", options.ready);
  if (!options.told.empty()) plan.told.push_back(literal("--told", options.told));
  auto address = options.subscribe_url;
  if (address.empty()) {
    const bool websocket = options.stream == "ws";
    address = carillon_url(options, websocket, subscribe_path);
    if (websocket && plan.subprotocol.empty()) plan.subprotocol = "carillon.v1";
    if (plan.ready.empty()) plan.ready = websocket ? R"("type":"welcome")" : "event: welcome";
    if (plan.told.empty()) {
      if (websocket)
        plan.told = {R"("type":"gap")", R"("type":"reset")"};
      else
        plan.told = {"event: gap", "event: reset"};
    }
  }
  plan.url = for_option("--subscribe-url", [&address] { return parse_url(address); });
  plan.headers = parse_headers(options.headers, "--subscribe-header", options.subscribe_headers);
  if (!options.subscribe_messages.empty() && !plan.url.websocket)
    throw std::invalid_argument{"--subscribe-message: only a WebSocket (ws://) can be sent one"};
  for (const auto& text : options.subscribe_messages)
    plan.messages.push_back(parse_template("--subscribe-message", text));
  plan_checking(plan, options);
  plan_resuming(plan, options);
  return plan;
}

PublishPlan plan_publishing(const Options& options) {
  PublishPlan plan;
  plan.method = options.method;
  plan.content_type = options.content_type;
  plan.answer = literal("--answer", options.answer);
  plan.ready = literal("--publish-ready", options.publish_ready);
  plan.binary = options.binary;
  for (const auto& text : options.publish_messages)
    plan.messages.push_back(parse_template("--publish-message", text));
  plan.padding.assign(options.payload_bytes, 'x');
  auto address = options.publish_url;
  auto body = options.body;
  if (address.empty()) {
    const bool websocket = options.publish == "ws";
    if (options.publish == "batch") plan.batches = Batches::arrays;
    if (options.publish == "ndjson") plan.batches = Batches::lines;
    const bool batches = plan.batches != Batches::none;
    address = carillon_url(options, websocket,
                           websocket ? publish_socket_path : (batches ? batch_path : publish_path));
    if (plan.batches == Batches::lines) plan.content_type = "application/x-ndjson";
    if (batches && body.empty())
      body = fmt::format(R"({{"owner":"{{{{user}}}}",{}}})", event_members);
    if (websocket) {
      plan.subprotocol = "carillon.v1";
      if (plan.answer.empty()) plan.answer = R"("ref":)";
      if (body.empty())
        body = fmt::format(
            R"({{"type":"publish","ref":"{{{{stamp}}}}","event":{{"owner":"{{{{user}}}}",{}}}}})",
            event_members);
    }
  }
  if (body.empty()) body = fmt::format("{{{}}}", event_members);
  plan.url = for_option("--publish-url", [&address] { return parse_url(address); });
  if (!plan.messages.empty() && !plan.url.websocket)
    throw std::invalid_argument{"--publish-message: only a WebSocket (ws://) can be sent one"};
  if (!options.publish_url.empty()) plan.subprotocol = options.subprotocol;
  plan.headers = parse_headers(options.headers, "--publish-header", options.publish_headers);
  plan.body = parse_template("--body", body);
  if (!plan.body.uses("stamp") && !plan.url.target.uses("stamp"))
    throw std::invalid_argument{
        "--body: {{stamp}} is missing; by it receivers know the event and its time"};
  if (!plan.answers() && options.rate <= 0)
    throw std::invalid_argument{
        "--rate: a closed loop needs answers; give a rate, or say by --answer which message is "
        "one"};
  return plan;
}

void append_head(std::string& out,
                 std::string_view method,
                 const TargetUrl& url,
                 const std::vector<TextTemplate>& headers,
                 const TemplateValues& values) {
  out.append(method).append(" ");
  url.target.append_to(out, values);
  out.append(" HTTP/1.1\r\nHost: ").append(url.authority).append("\r\n");
  for (const auto& header : headers) {
    header.append_to(out, values);
    out += "\r\n";
  }
}

void append_upgrade(std::string& out,
                    const TargetUrl& url,
                    const std::vector<TextTemplate>& headers,
                    const std::string& subprotocol,
                    std::string_view key,
                    const TemplateValues& values) {
  append_head(out, "GET", url, headers, values);
  out += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
  if (!subprotocol.empty())
    out.append("Sec-WebSocket-Protocol: ").append(subprotocol).append("\r\n");
  out.append("Sec-WebSocket-Key: ").append(key).append("\r\n\r\n");
}

}  // namespace carillon::loadgen
