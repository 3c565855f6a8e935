#include "net/src/handlers.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace carillon::net {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

/// Builds metric families one value at a time.
class Families {
 public:
  void add(std::string name, std::string help, bool counter, double value) {
    add(std::move(name), std::move(help), counter, {}, value);
  }

  /// Values of one family follow one another.
  void add(std::string name,
           std::string help,
           bool counter,
           std::vector<prometheus::ClientMetric::Label> labels,
           double value) {
    if (families_.empty() || families_.back().name != name) {
      auto& family = families_.emplace_back();
      family.name = std::move(name);
      family.help = std::move(help);
      family.type = counter ? MetricType::Counter : MetricType::Gauge;
    }
    auto& metric = families_.back().metric.emplace_back();
    metric.label = std::move(labels);
    (counter ? metric.counter.value : metric.gauge.value) = value;
  }

  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer{}.Serialize(out, families_);
    return out.str();
  }

 private:
  std::vector<MetricFamily> families_;
};

void add_engine(Families& families, const engine::Metrics& engine) {
  const auto add = [&](std::string name, std::string help, bool counter, std::uint64_t value) {
    families.add("carillon_" + std::move(name), std::move(help), counter,
                 static_cast<double>(value));
  };
  add("events_accepted_total", "Events that publish accepted.", true, engine.accepted_total);
  add("events_refused_total", "Publishes refused because a queue was full.", true,
      engine.refused_total);
  add("sequenced_total", "Events and changes that got a sequence.", true, engine.sequenced_total);
  add("deliveries_total", "Events handed to subscriptions.", true, engine.delivered_total);
  add("duplicates_total", "Publishes of an id that was known.", true, engine.duplicates_total);
  add("subscriptions", "Live subscriptions.", false, engine.subscriptions);
  add("mailboxes", "Users that somebody hears.", false, engine.mailboxes);
  add("queued_bytes", "Bytes of events accepted and not yet durable.", false, engine.queued_bytes);
  add("event_memory_bytes", "Bytes of events alive.", false, engine.event_memory_bytes);
}

void add_http(Families& families, const HttpCounters& http) {
  families.add("carillon_http_connections", "Open HTTP connections, without streams.", false,
               static_cast<double>(http.connections));
  families.add("carillon_http_connections_accepted_total", "Connections accepted.", true,
               static_cast<double>(http.connections_accepted_total));
  for (std::size_t i = 0; i < http.closed_total.size(); ++i)
    families.add("carillon_http_connections_closed_total", "Connections ended, by reason.", true,
                 {{"reason", std::string{http_end_names[i]}}},
                 static_cast<double>(http.closed_total[i]));
  for (std::size_t i = 2; i < http.responses_total.size(); ++i)
    families.add("carillon_http_responses_total", "Requests answered, by status class.", true,
                 {{"class", std::to_string(i) + "xx"}},
                 static_cast<double>(http.responses_total[i]));
  families.add("carillon_http_received_bytes_total", "Bytes read from HTTP connections.", true,
               static_cast<double>(http.received_bytes_total));
  families.add("carillon_http_sent_bytes_total", "Bytes written to HTTP connections.", true,
               static_cast<double>(http.sent_bytes_total));
}

void add_streams(Families& families, NetContext& net) {
  StreamCounters all;
  for (const auto& hub : net.hubs) {
    const auto one = hub->counters();
    all.sessions += one.sessions;
    all.opened_total += one.opened_total;
    all.frames_total += one.frames_total;
    all.bytes_total += one.bytes_total;
    all.backlog_bytes += one.backlog_bytes;
    for (std::size_t i = 0; i < close_reason_count; ++i)
      all.closed_total[i] += one.closed_total[i];
  }
  families.add("carillon_sessions", "Live streaming sessions.", false,
               static_cast<double>(all.sessions));
  families.add("carillon_sessions_opened_total", "Streaming sessions opened.", true,
               static_cast<double>(all.opened_total));
  for (std::size_t i = 0; i < close_reason_count; ++i)
    families.add("carillon_sessions_closed_total", "Streaming sessions ended, by reason.", true,
                 {{"reason", std::string{to_string(static_cast<CloseReason>(i))}}},
                 static_cast<double>(all.closed_total[i]));
  families.add("carillon_stream_frames_total", "Event frames queued to sessions.", true,
               static_cast<double>(all.frames_total));
  families.add("carillon_stream_sent_bytes_total", "Bytes written to sessions.", true,
               static_cast<double>(all.bytes_total));
  families.add("carillon_session_backlog_bytes", "Bytes queued to sessions and not written.", false,
               static_cast<double>(all.backlog_bytes));
}

void add_admission(Families& families, const Admission& admission) {
  const auto figures = admission.figures();
  const auto limits = admission.limits();
  const auto add = [&](std::string name, std::string help, bool counter, std::uint64_t value) {
    families.add("carillon_" + std::move(name), std::move(help), counter,
                 static_cast<double>(value));
  };
  add("connections", "Open connections, streams included.", false, figures.connections);
  add("connections_max", "The most that may be open; 0: no limit.", false, limits.connections_max);
  add("client_addresses", "Addresses with open connections, the exempt ones aside.", false,
      figures.addresses);
  add("session_users", "Users with open streaming sessions.", false, figures.users);
  add("receiving_bytes", "Bytes of requests and WebSocket messages that are not whole yet.", false,
      figures.receiving_bytes);
  add("receiving_bytes_max", "The most that they may be; 0: no limit.", false,
      limits.receiving_bytes_max);
  for (std::size_t i = 0; i < rejection_names.size(); ++i)
    families.add("carillon_rejected_total", "Refused because of a limit, by limit.", true,
                 {{"reason", std::string{rejection_names[i]}}},
                 static_cast<double>(figures.rejected_total[i]));
  add("accept_pauses_total", "Times that accepting waited for the accept rate.", true,
      figures.accept_pauses_total);
  add("publish_rate_untracked_total", "Publishes not limited because no token bucket was free.",
      true, figures.untracked_total);
}

Response metrics_response(NetContext& net, const HttpCounters& http) {
  Families families;
  add_engine(families, net.broadcaster->metrics());
  add_http(families, http);
  add_streams(families, net);
  add_admission(families, *net.admission);
  if (net.options.more_metrics) {
    std::vector<MetricSample> samples;
    net.options.more_metrics(samples);
    for (auto& sample : samples) {
      std::vector<prometheus::ClientMetric::Label> labels;
      for (auto& [name, value] : sample.labels)
        labels.push_back({std::move(name), std::move(value)});
      families.add(std::move(sample.name), std::move(sample.help), sample.counter,
                   std::move(labels), sample.value);
    }
  }
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = families.text();
  return response;
}

/// Goes from shard to shard, because each one's counters belong to its thread.
/// It travels only while the shards' threads run, so `net` is there.
struct Tour {
  NetContext& net;
  Reply reply;
  HttpCounters sum;
};

void visit(std::shared_ptr<Tour> tour, std::size_t shard) {
  auto& net = tour->net;
  if (shard == net.shards.size()) return tour->reply(metrics_response(net, tour->sum));
  asio::post(net.shards[shard]->context(), [tour = std::move(tour), shard]() mutable {
    tour->sum += tour->net.shards[shard]->counters();
    visit(std::move(tour), shard + 1);
  });
}

}  // namespace

Handled handle_metrics(const Exchange& exchange) {
  visit(std::make_shared<Tour>(Tour{exchange.net(), make_reply(exchange), {}}), 0);
  return std::nullopt;
}

}  // namespace carillon::net
