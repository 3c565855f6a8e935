#include "tools/carillond/store_metrics.hpp"

namespace carillon::carillond {

void add_store_metrics(const persistence::WriteBehind& log,
                       std::vector<net::MetricSample>& samples) {
  constexpr double microseconds_per_second = 1e6;
  const auto metrics = log.metrics();
  const auto gauge = [&samples](const char* name, const char* help, double value) {
    samples.push_back({name, help, false, value});
  };
  const auto counter = [&samples](const char* name, const char* help, double value) {
    samples.push_back({name, help, true, value});
  };
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };

  gauge("carillon_store_writable", "1 while commits succeed.", log.health().writable ? 1 : 0);
  gauge("carillon_store_queued_events", "Events and changes that wait for their commit.",
        number(metrics.queued_entries));
  gauge("carillon_store_queued_bytes", "Bytes of events and changes that wait for their commit.",
        number(metrics.queued_bytes));
  gauge("carillon_store_batch_events", "Events and changes in the latest commit.",
        number(metrics.batch_entries_last));
  counter("carillon_store_committed_events_total", "Events and changes that are durable.",
          number(metrics.committed_total));
  counter("carillon_store_abandoned_events_total",
          "Events and changes given up at the end, because the store failed.",
          number(metrics.abandoned_total));
  counter("carillon_store_commits_total", "Commits that succeeded.", number(metrics.commits_total));
  counter("carillon_store_commit_failures_total",
          "Attempts to commit that failed and were or will be repeated.",
          number(metrics.commit_failures_total));
  counter("carillon_store_commit_seconds_total", "Time spent in commits that succeeded.",
          number(metrics.commit_latency_us_total) / microseconds_per_second);
}

}  // namespace carillon::carillond
