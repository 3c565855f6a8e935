#include "tools/carillond/store_metrics.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace carillon::carillond {
namespace {

constexpr double microseconds_per_second = 1e6;
constexpr double milliseconds_per_second = 1e3;

/// The buckets of a histogram; `scale` turns its bounds into the unit of the name.
void add_buckets(const char* name,
                 const char* help,
                 double scale,
                 std::span<const std::uint64_t> bounds,
                 std::span<const std::uint64_t> counts,
                 std::vector<net::MetricSample>& samples) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sum += counts[i];
    const auto bound =
        i < bounds.size() ? fmt::format("{}", static_cast<double>(bounds[i]) * scale) : "+Inf";
    samples.push_back({name, help, true, static_cast<double>(sum), {{"le", bound}}});
  }
}

void add_load(const persistence::StoreLoad& load, std::vector<net::MetricSample>& samples) {
  const auto gauge = [&samples](const char* name, const char* help, std::uint64_t value) {
    samples.push_back({name, help, false, static_cast<double>(value)});
  };
  gauge("carillon_store_stalled", "1 while the store slows commits down, 2 while they wait.",
        static_cast<std::uint64_t>(load.stall));
  gauge("carillon_store_unmerged_files", "Files written out and not yet merged.",
        load.unmerged_files);
  gauge("carillon_store_unmerged_bytes", "Bytes in files written out and not yet merged.",
        load.unmerged_bytes);
  gauge("carillon_store_unwritten_bytes", "Bytes in memory and log, not yet in sorted files.",
        load.unwritten_bytes);
  gauge("carillon_store_delayed_bytes_per_second",
        "What the store allows while it slows commits down; 0: all.", load.delayed_byte_rate);
  gauge("carillon_store_pending_counts_bytes",
        "Bytes in memory of additions to counts that have not reached their rows.",
        load.pending_counts_bytes);
  gauge("carillon_store_columns_bytes", "Bytes of inboxes kept in columns for reads.",
        load.columns_bytes);
  gauge("carillon_store_columns_inboxes", "Inboxes kept in columns for reads.",
        load.columns_owners);
  gauge("carillon_store_damaged", "1 once a read has met damage on the disk.",
        load.damaged_reads_total > 0 ? 1 : 0);
  samples.push_back({"carillon_store_damaged_reads_total",
                     "Reads that failed because the store is damaged.", true,
                     static_cast<double>(load.damaged_reads_total)});
  samples.push_back({"carillon_store_columns_built_total",
                     "How often an inbox was read into columns.", true,
                     static_cast<double>(load.columns_built_total)});
  samples.push_back({"carillon_store_columns_evicted_total",
                     "How often an inbox left its columns to others.", true,
                     static_cast<double>(load.columns_evicted_total)});
}

void add_retention(const persistence::RetentionLoad& load,
                   std::vector<net::MetricSample>& samples) {
  const auto gauge = [&samples](const char* name, const char* help, double value) {
    samples.push_back({name, help, false, value});
  };
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  gauge("carillon_store_events", "Events in the store, deleted ones that are not purged included.",
        number(load.events));
  gauge("carillon_store_event_bytes", "Bytes of these events, as retention_bytes counts them.",
        number(load.bytes));
  constexpr std::array<const char*, persistence::removal_reason_count> reasons{"age", "count",
                                                                               "bytes", "deleted"};
  for (std::size_t i = 0; i < reasons.size(); ++i)
    samples.push_back({"carillon_retention_removed_events_total",
                       "Events that retention removed.",
                       true,
                       number(load.removed[i]),
                       {{"reason", reasons[i]}}});
  samples.push_back({"carillon_retention_removed_bytes_total", "Bytes of these events.", true,
                     number(load.removed_bytes)});
  gauge("carillon_retention_waiting_users", "Users that may have more events than they may keep.",
        number(load.waiting_users));
  gauge("carillon_retention_over_bytes", "Bytes of events beyond retention_bytes.",
        number(load.bytes_over));
  gauge("carillon_retention_lag_seconds", "How long the oldest event has been too old.",
        static_cast<double>(load.lag.count()) / milliseconds_per_second);
  gauge("carillon_retention_sweeping", "1 while retention looks through all events of the store.",
        load.sweeping ? 1 : 0);
}

}  // namespace

void add_store_metrics(const persistence::WriteBehind& log,
                       const persistence::Store& store,
                       std::vector<net::MetricSample>& samples) {
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
  add_buckets("carillon_store_commit_seconds_bucket", "Commits by the time that they took.",
              1 / microseconds_per_second, persistence::WriteBehindMetrics::latency_bounds_us,
              metrics.commit_latency, samples);
  add_buckets("carillon_store_batch_events_bucket", "Commits by their events and changes.", 1,
              persistence::WriteBehindMetrics::batch_bounds, metrics.batch_entries, samples);
  const auto load = store.load();
  add_load(load, samples);
  add_retention(load.retention, samples);
}

}  // namespace carillon::carillond
