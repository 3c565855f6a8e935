#include "tools/loadgen/result.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <vector>

namespace carillon::loadgen {
namespace {

class Lines {
 public:
  template <class... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
    text_ += '\n';
  }
  void latency(const char* name, const bench::Histogram& values) {
    if (values.total() == 0) return;
    const auto ms = [&values](double share) { return values.at(share) / 1e6; };
    add("{:<12}p50 {:.3f} ms  p90 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  max {:.3f}", name, ms(0.5),
        ms(0.9), ms(0.99), ms(0.999), values.max() / 1e6);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_faults(Lines& lines, const Result& result) {
  const auto& faults = result.faults;
  lines.add(
      "{:<12}{} of {} expected; unexplained gaps {}, told gaps {}, refused but "
      "delivered {}, duplicates {}, out of order {}, foreign {}, misnumbered {}, disagreed {}",
      "received", result.delivered, result.expected, faults.unexplained_gaps, faults.told_gaps,
      faults.refused_delivered, faults.duplicates, faults.out_of_order, faults.foreign,
      faults.misnumbered, faults.disagreed);
  if (faults.order_compared > 0)
    lines.add("{:<12}of different publishers' events compared at {} subscribers, another at {}",
              "order", faults.order_compared, faults.order_disagreed);
  for (const auto& example : faults.examples)
    lines.add("            {}", example);
}

// What a verification did not look at: a server of another kind does not show it by itself.
void add_unchecked(Lines& lines, const Options& options, const Faults& faults) {
  std::vector<std::string> parts;
  const bool carillon = options.subscribe_url.empty();
  if (!carillon && options.id.empty()) parts.emplace_back("ids (--id)");
  if (!carillon && options.sequence.empty()) parts.emplace_back("numbering (--sequence)");
  if (options.any_order) parts.emplace_back("order of different publishers' events (--any-order)");
  if (faults.order_not_compared > 0)
    parts.push_back(
        fmt::format("order of different publishers' events at {} subscribers, since no other "
                    "heard the same events",
                    faults.order_not_compared));
  if (!parts.empty()) lines.add("{:<12}{}", "not checked", fmt::join(parts, "; "));
}

// The last line: what the run is worth.
void add_outcome(Lines& lines, const Options& options, const Result& result) {
  const bool verifies = options.scenario == Scenario::verify;
  if (!result.shortfalls.empty())
    return lines.add(
        "{:<12}{}: {}", "INCOMPLETE",
        verifies ? "this run proves nothing" : "this is not the run that was asked for",
        fmt::join(result.shortfalls, "; "));
  if (!verifies) return;
  lines.add(
      "{:<12}{}", "complete",
      result.faults.any() ? "and faults were found" : "and no fault was found in what was checked");
}

constexpr double mebibyte = 1024.0 * 1024.0;

void add_server(Lines& lines, const ServerFigures& server, const Result& result) {
  lines.add("{:<12}{:.2f} CPU-s ({:.0f} % of a processor), resident {:.1f} MiB at most", "server",
            server.cpu_s, 100 * server.cpu_s / result.window_s,
            static_cast<double>(server.bytes_max) / mebibyte);
  if (result.delivered > 0)
    lines.add("{:<12}{:.0f} deliveries per CPU-second", "", server.deliveries_per_cpu_s);
  if (result.acknowledged > 0)
    lines.add("{:<12}{:.0f} publishes per CPU-second", "", server.publishes_per_cpu_s);
  if (result.connected > 0)
    lines.add("{:<12}{:.0f} bytes of anonymous memory per subscription", "",
              server.bytes_per_connection);
}

}  // namespace

const char* to_string(Scenario scenario) {
  switch (scenario) {
    case Scenario::fanout:
      return "fanout";
    case Scenario::ingest:
      return "ingest";
    case Scenario::idle:
      return "idle";
    case Scenario::verify:
      return "verify";
  }
  return "";
}

std::string to_text(const Options& options, const Result& result) {
  const bool publishes = options.scenario != Scenario::idle;
  const bool subscribes = options.scenario != Scenario::ingest;
  Lines lines;
  lines.add("{:<12}{}, measured for {:.2f} s{}", to_string(options.scenario),
            !publishes         ? "nothing published"
            : options.rate > 0 ? "open loop"
            : options.lockstep ? "lockstep"
                               : "closed loop",
            result.window_s, result.interrupted ? ", interrupted" : "");
  if (subscribes)
    lines.add("{:<12}{} in {:.2f} s, {} lost{}{}", "subscribed", result.connected, result.connect_s,
              result.connections_lost, result.first_end.empty() ? "" : ": ", result.first_end);
  if (result.cuts + result.resumed > 0)
    lines.add("{:<12}{} connections, resumed {} by their cursor", "cut", result.cuts,
              result.resumed);
  if (publishes)
    lines.add(
        "{:<12}{:.0f}/s; in all {} sent, {} acknowledged, {} refused{}, {} unanswered, {} "
        "not sent",
        "published", result.published_per_s, result.sent, result.acknowledged, result.refused,
        result.refused > 0 ? fmt::format(" (first: {})", result.first_refusal) : "",
        result.unanswered, result.not_sent);
  if (publishes && subscribes) {
    lines.add("{:<12}{:.0f}/s", "delivered", result.delivered_per_s);
    add_faults(lines, result);
  }
  lines.latency("delivery", result.delivery_ns);
  lines.latency("answer", result.answer_ns);
  lines.latency("connect", result.connect_ns);
  if (result.server) add_server(lines, *result.server, result);
  lines.add(
      "{:<12}{:.0f} % of a processor, ready but without one {:.0f} %, {} events sent over 1 ms "
      "late",
      "loadgen", 100 * result.own.cpu, 100 * result.own.wait, result.own.late_sends);
  if (!result.saturated.empty())
    lines.add("{:<12}{}", "at its end",
              result.saturated == "neither"
                  ? "neither: server and load generator had processor time left"
                  : result.saturated + ": no processor time left");
  for (const auto& reason : result.own.bottleneck)
    lines.add("{:<12}the load generator is the bottleneck: {}", "WARNING", reason);
  for (const auto& reason : result.own.disturbed)
    lines.add("{:<12}the machine disturbed the run: {}", "WARNING", reason);
  if (options.scenario == Scenario::verify) add_unchecked(lines, options, result.faults);
  add_outcome(lines, options, result);
  return lines.take();
}

}  // namespace carillon::loadgen
