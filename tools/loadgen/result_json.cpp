#include "tools/loadgen/json_writer.hpp"
#include "tools/loadgen/result.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace carillon::loadgen {
namespace {

constexpr double milliseconds = 1e6;  // in nanoseconds

void write_latency(JsonWriter& json, std::string_view name, const bench::Histogram& values) {
  if (values.total() == 0) return;
  json.begin(name);
  json.field("count", values.total());
  json.field("min", values.min() / milliseconds);
  json.field("mean", values.mean() / milliseconds);
  for (const auto& [label, share] :
       {std::pair{"p50", 0.5}, std::pair{"p90", 0.9}, std::pair{"p99", 0.99},
        std::pair{"p99.9", 0.999}, std::pair{"p99.99", 0.9999}})
    json.field(label, values.at(share) / milliseconds);
  json.field("max", values.max() / milliseconds);
  // The curve, finer the nearer to 1; an HDR plot's axis is 1 / (1 - share).
  json.begin_array("curve");
  const double decades = std::log10(static_cast<double>(values.total()));
  for (double decade = 0.0; decade <= decades; decade += 0.125) {
    const double share = 1.0 - std::pow(10.0, -decade);
    json.element(fmt::format("[{:.7g},{:.6g}]", share, values.at(share) / milliseconds));
  }
  json.end_array();
  json.end();
}

void write_settings(JsonWriter& json, const Options& options) {
  json.begin("settings");
  const bool idle = options.scenario == Scenario::idle;
  if (options.scenario != Scenario::ingest) {
    json.field("subscribe", options.subscribe_url.empty() ? options.url + " by " + options.stream
                                                          : options.subscribe_url);
    json.field("receivers_per_user", options.receivers);
  }
  json.field("users", options.users);
  if (!idle) {
    json.field("publish", options.publish_url.empty() ? options.url + " by " + options.publish
                                                      : options.publish_url);
    json.field("connections", options.connections);
    json.field("window", options.window);
    json.field("loop", options.rate > 0 ? "open" : options.lockstep ? "lockstep" : "closed");
    if (options.rate > 0) json.field("rate_per_s", options.rate);
    json.field("payload_bytes", options.payload_bytes);
  }
  json.end();
}

void write_published(JsonWriter& json, const Result& result) {
  json.begin("published");
  json.field("sent", result.sent);
  json.field("acknowledged", result.acknowledged);
  json.field("refused", result.refused);
  if (result.refused > 0) json.field("first_refusal", result.first_refusal);
  json.field("unanswered", result.unanswered);
  json.field("not_sent", result.not_sent);
  json.field("per_s", result.published_per_s);
  json.end();
}

void write_check(JsonWriter& json, const Result& result) {
  const auto& faults = result.faults;
  json.begin("check");
  json.field("complete", result.shortfalls.empty());
  json.strings("reasons", result.shortfalls);
  json.field("unexplained_gaps", faults.unexplained_gaps);
  json.field("told_gaps", faults.told_gaps);
  json.field("uncertain", faults.uncertain);
  json.field("refused_delivered", faults.refused_delivered);
  json.field("duplicates", faults.duplicates);
  json.field("out_of_order", faults.out_of_order);
  json.field("foreign", faults.foreign);
  json.field("misnumbered", faults.misnumbered);
  json.field("disagreed", faults.disagreed);
  json.field("order_disagreed", faults.order_disagreed);
  json.field("order_compared", faults.order_compared);
  json.field("order_not_compared", faults.order_not_compared);
  json.strings("examples", faults.examples);
  json.end();
}

void write_server(JsonWriter& json, const ServerFigures& server, double window_s) {
  json.begin("server");
  json.field("cpu_s", server.cpu_s);
  json.field("cpu_share", server.cpu_s / window_s);
  json.field("processors", server.processors);
  json.field("deliveries_per_cpu_s", server.deliveries_per_cpu_s);
  json.field("publishes_per_cpu_s", server.publishes_per_cpu_s);
  json.field("resident_bytes_before", server.bytes_before);
  json.field("resident_bytes_connected", server.bytes_connected);
  json.field("resident_bytes_max", server.bytes_max);
  json.field("bytes_per_connection", server.bytes_per_connection);
  json.end();
}

void write_samples(JsonWriter& json, const std::vector<Sample>& samples) {
  json.begin_array("series");
  for (const auto& sample : samples)
    json.element(fmt::format(
        R"({{"t":{:.3f},"published_per_s":{:.1f},"delivered_per_s":{:.1f},"p50":{:.4f},)"
        R"("p99":{:.4f},"server_cpu":{:.3f},"own_cpu":{:.3f},"server_bytes":{}}})",
        sample.at_s, sample.published_per_s, sample.delivered_per_s, sample.p50_ms, sample.p99_ms,
        sample.server_cpu, sample.own_cpu, sample.server_bytes));
  json.end_array();
}

}  // namespace

std::string to_json(const Options& options, const Result& result) {
  JsonWriter json;
  json.begin();
  json.field("tool", "carillon-loadgen");
  json.field("version", CARILLON_VERSION);
  json.field("scenario", to_string(options.scenario));
  json.field("label", options.label);
  json.field("started", result.started);
  json.field("interrupted", result.interrupted);
  json.field("window_s", result.window_s);
  write_settings(json, options);
  json.begin("connections");
  json.field("subscribed", result.connected);
  json.field("lost", result.connections_lost);
  json.field("publishing_lost", result.publishers_lost);
  json.field("cut", result.cuts);
  json.field("resumed", result.resumed);
  json.field("first_end", result.first_end);
  json.field("seconds", result.connect_s);
  json.end();
  write_published(json, result);
  json.begin("deliveries");
  json.field("expected", result.expected);
  json.field("received", result.delivered);
  json.field("per_s", result.delivered_per_s);
  json.end();
  json.begin("latency_ms");
  write_latency(json, "delivery", result.delivery_ns);
  write_latency(json, "answer", result.answer_ns);
  write_latency(json, "connect", result.connect_ns);
  json.end();
  write_check(json, result);
  if (result.server) write_server(json, *result.server, result.window_s);
  json.begin("loadgen");
  json.field("cpu_share", result.own.cpu);
  json.field("wait_share", result.own.wait);
  json.field("late_sends", result.own.late_sends);
  json.field("late_max_ms", result.own.late_max_ms);
  json.field("is_bottleneck", !result.own.bottleneck.empty());
  json.strings("bottleneck", result.own.bottleneck);
  json.strings("disturbed", result.own.disturbed);
  json.end();
  if (!result.saturated.empty()) json.field("saturated", result.saturated);
  write_samples(json, result.samples);
  json.end();
  return json.take() + "\n";
}

}  // namespace carillon::loadgen
