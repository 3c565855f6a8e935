#include "tools/loadgen/command_line.hpp"

#include "tools/loadgen/duration_option.hpp"
#include "tools/loadgen/plan.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace carillon::loadgen {
namespace {

// "@FILE" is the file's text, without the line end at its end.
std::string text_or_file(const std::string& option, const std::string& value) {
  if (!value.starts_with('@')) return value;
  std::ifstream file{value.substr(1), std::ios::binary};
  if (!file)
    throw CLI::ValidationError{option, fmt::format("cannot read the file '{}'", value.substr(1))};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

CLI::Option* add_count(CLI::App& app, const char* name, std::uint32_t& value, const char* help) {
  return app.add_option(name, value, help)
      ->capture_default_str()
      ->check(CLI::Range(1U, 10'000'000U));
}

CLI::Option* add_repeated(CLI::App& app,
                          const char* name,
                          std::vector<std::string>& values,
                          const char* help) {
  return app.add_option(name, values, help)->allow_extra_args(false);
}

void add_common(CLI::App& app, Options& options) {
  app.add_option("--url", options.url, "a Carillon server; other servers: see the URLs below")
      ->capture_default_str();
  add_repeated(app, "--header", options.headers, "'Name: value' of every request; may be repeated");
  add_count(app, "--users", options.users, "how many users");
  add_duration(app, "--warmup", options.warmup, "how long before figures are taken");
  add_duration(app, "--duration", options.duration, "how long figures are taken");
  add_duration(app, "--settle", options.settle, "pause between subscribing and publishing");
  add_repeated(app, "--baseline", options.baselines,
               "earlier --json files that --report shows beside this run; may be repeated");
  app.add_option("--pid", options.pids, "the server's process; may be repeated, figures are summed")
      ->allow_extra_args(false)
      ->check(CLI::PositiveNumber);
  app.add_option("--label", options.label, "a name for this run, in its results");
  app.add_option("--json", options.json, "writes the results to this file");
  app.add_option("--report", options.report, "writes a page with plots to this file (HTML)");
  app.add_option("--subprotocol", options.subprotocol, "Sec-WebSocket-Protocol");
  app.add_flag("--binary", options.binary, "sends WebSocket messages as binary frames");
  app.add_flag("--quiet", options.quiet, "no progress on the terminal");
}

void add_subscribing(CLI::App& app, Options& options) {
  auto& group = *app.add_option_group("Subscribing");
  add_count(group, "--receivers", options.receivers, "how many subscribers each user has");
  auto* url = group.add_option("--subscribe-url", options.subscribe_url,
                               "template; ws://… is a WebSocket, http://… is SSE");
  group.add_option("--stream", options.stream, "how to subscribe to Carillon: ws or sse")
      ->check(CLI::IsMember{{"ws", "sse"}})
      ->excludes(url)
      ->capture_default_str();
  add_repeated(group, "--subscribe-header", options.subscribe_headers,
               "'Name: value' template; may be repeated");
  add_repeated(group, "--subscribe-message", options.subscribe_messages,
               "template of a message to send when the WebSocket is open; may be repeated");
  group.add_option("--ready", options.ready,
                   "text in the message that says that the subscription stands");
  group.add_option("--told", options.told, "text in a message that says that events were skipped");
  group
      .add_option("--local-addresses", options.local_addresses,
                  "connect from so many addresses 127.0.0.1, 127.0.0.2, …")
      ->check(CLI::Range(1U, 250U))
      ->capture_default_str();
}

void add_checking(CLI::App& app, Options& options) {
  auto& group = *app.add_option_group("Checking");
  group
      .add_option("--cut-rate", options.cut_rate,
                  "cuts so many connections a second at random and resumes them by their cursor")
      ->check(CLI::Range(0.001, 1e6));
  add_duration(group, "--away", options.away, "at most, between a cut and the return");
  group.add_option("--cursor", options.cursor, "text before the cursor in a message");
  group.add_option("--resume-url", options.resume_url,
                   "template, with {{cursor}}; without it the one that subscribed");
  add_repeated(group, "--resume-header", options.resume_headers,
               "'Name: value' template, with {{cursor}}; may be repeated");
  group.add_option("--id", options.id, "text before an event's id in its message");
  group.add_option("--sequence", options.sequence,
                   "text before a number that ascends at each subscriber");
  if (options.scenario == Scenario::verify)
    group.add_flag(
        "--any-order", options.any_order,
        "subscribers of a user may hear different publishers' events in different order");
}

void add_publishing(CLI::App& app, Options& options) {
  auto& group = *app.add_option_group("Publishing");
  add_count(group, "--connections", options.connections, "how many connections publish");
  add_count(group, "--window", options.window, "events that a connection has unanswered at most");
  group.add_option("--rate", options.rate, "events a second in all; without it a closed loop")
      ->check(CLI::Range(0.001, 1e8));
  if (options.scenario != Scenario::ingest)
    group
        .add_flag("--lockstep", options.lockstep,
                  "one event in flight in all: the next one when each subscriber has the last")
        ->excludes("--rate");
  group.add_option("--events", options.events, "end after so many events")
      ->check(CLI::PositiveNumber);
  add_duration(group, "--drain", options.drain, "how long to wait for what is missing at the end");
  auto* url = group.add_option("--publish-url", options.publish_url,
                               "template; http://… is a request, ws://… a WebSocket");
  group
      .add_option(
          "--publish", options.publish,
          "how to publish to Carillon: http, ws, or many events in one request: batch, ndjson")
      ->check(CLI::IsMember{{"http", "ws", "batch", "ndjson"}})
      ->excludes(url)
      ->capture_default_str();
  add_repeated(group, "--publish-header", options.publish_headers,
               "'Name: value' template; may be repeated");
  group.add_option("--method", options.method, "of the request")->capture_default_str();
  group.add_option("--content-type", options.content_type, "of the request")->capture_default_str();
  group.add_option_function<std::string>(
      "--body",
      [&options](const std::string& text) { options.body = text_or_file("--body", text); },
      "template of the request's body or the WebSocket's message; @FILE: from a file");
  group.add_option("--payload", options.payload_bytes, "bytes that {{padding}} stands for")
      ->check(CLI::Range(0, 16 * 1024 * 1024))
      ->capture_default_str();
  group.add_option("--answer", options.answer,
                   "text in a WebSocket message that answers a publish");
  add_repeated(group, "--publish-message", options.publish_messages,
               "template of a message to send when the publishing WebSocket is open; may be "
               "repeated");
  group.add_option("--publish-ready", options.publish_ready,
                   "text in the message that says that publishing may begin");
}

constexpr const char* footer =
    "Templates hold {{user}}, {{user_index}}, {{connection}}, {{number}}, {{stamp}}, {{padding}},\n"
    "and bytes as {{hex:0d0a}}.\n"
    "Exit codes: 0 done, 1 events missing, doubled, out of order, or delivered though refused,\n"
    "2 wrong usage, 3 no server, 4 the run could not do what it was asked: connections lost or\n"
    "answers missing; with verify also events not sent, or an interruption. It proves nothing "
    "then.";

Options defaults_of(Scenario scenario) {
  Options options;
  options.scenario = scenario;
  if (scenario == Scenario::verify) {
    options.warmup = std::chrono::milliseconds{0};
    options.users = 10;
    options.receivers = 10;
  }
  if (scenario == Scenario::idle) options.warmup = std::chrono::milliseconds{0};
  if (scenario == Scenario::ingest) options.users = 1000;
  return options;
}

const char* describe(Scenario scenario) {
  switch (scenario) {
    case Scenario::fanout:
      return "publish to subscribers: deliveries a second, latency";
    case Scenario::ingest:
      return "publish only: answers a second, latency";
    case Scenario::idle:
      return "hold subscriptions: memory and CPU time of the server";
    case Scenario::verify:
      return "prove that every subscriber gets every event once, in order";
  }
  return "";
}

// What no single option can know.
void check_together(const Options& options) {
  if (options.scenario != Scenario::ingest) {
    static_cast<void>(plan_subscribing(options));
    if (std::uint64_t{options.users} * options.receivers > 10'000'000)
      throw std::invalid_argument{"--users times --receivers must be at most 10000000"};
  }
  if (options.scenario != Scenario::idle) static_cast<void>(plan_publishing(options));
  if (options.duration.count() == 0) throw std::invalid_argument{"--duration must not be zero"};
  if (!options.baselines.empty() && options.report.empty())
    throw std::invalid_argument{"--baseline has a meaning only with --report"};
}

void add_report(CLI::App& app, ReportOptions& options) {
  app.add_option("--out", options.out, "the page to write (HTML)")->required();
  app.add_option("FILE", options.inputs, "results (--json) to show, the first is the baseline")
      ->required();
}

}  // namespace

CommandLine parse_command_line(std::vector<std::string> arguments) {
  CommandLine result;
  CLI::App app{"Load generator for servers that fan events out over WebSocket or SSE.",
               "carillon-loadgen"};
  app.set_version_flag("--version", "carillon-loadgen " CARILLON_VERSION);
  app.footer(footer);
  app.require_subcommand(1);

  std::vector<std::pair<CLI::App*, Options>> scenarios;
  scenarios.reserve(4);  // options are bound by address
  for (const auto scenario :
       {Scenario::fanout, Scenario::ingest, Scenario::idle, Scenario::verify}) {
    auto* command = app.add_subcommand(to_string(scenario), describe(scenario));
    auto& options = scenarios.emplace_back(command, defaults_of(scenario)).second;
    command->footer(footer);
    add_common(*command, options);
    if (scenario != Scenario::ingest) add_subscribing(*command, options);
    if (scenario != Scenario::idle) add_publishing(*command, options);
    if (scenario == Scenario::fanout || scenario == Scenario::verify)
      add_checking(*command, options);
  }
  ReportOptions report;
  add_report(*app.add_subcommand("report", "one page with plots from --json files"), report);

  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(arguments);
    for (auto& [command, options] : scenarios) {
      if (!command->parsed()) continue;
      check_together(options);
      result.command = std::move(options);
    }
    if (!result.command) result.command = std::move(report);
  } catch (const CLI::CallForVersion& wish) {
    result.text = fmt::format("{}\n", wish.what());
  } catch (const CLI::Success&) {
    result.text = app.help();
  } catch (const std::exception& error) {
    result.exit_code = exit_usage;
    result.text = fmt::format("carillon-loadgen: {} (--help shows the usage)\n", error.what());
  }
  return result;
}

}  // namespace carillon::loadgen
