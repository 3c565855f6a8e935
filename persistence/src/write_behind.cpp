#include "carillon/persistence/write_behind.hpp"

#include "persistence/src/append_queue.hpp"
#include "persistence/src/assert.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::EventId;
using engine::LogEntry;
using engine::LogField;
using engine::LogLevel;
using engine::Sequence;
using engine::ShardIndex;
using engine::UserId;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

WriteBehindOptions checked(WriteBehindOptions options) {
  CARILLON_STORE_ASSERT(options.shards > 0, "WriteBehindOptions::shards must be above 0");
  options.batch_entries_max = std::max<std::size_t>(options.batch_entries_max, 1);
  options.batch_bytes_max = std::max<std::size_t>(options.batch_bytes_max, 1);
  options.retry_wait_min = std::max(options.retry_wait_min, milliseconds{1});
  options.retry_wait_max = std::max(options.retry_wait_max, options.retry_wait_min);
  return options;
}

// Commits of fewer entries are not worth waiting for: a lone publisher waits for its
// acknowledgement before it goes on. In commits of more, entries cost more than commits.
constexpr std::size_t gather_entries_min = 8;
constexpr std::size_t gather_entries_max = 1024;

/// Which bucket of a histogram with these upper bounds.
std::size_t bucket_of(std::span<const std::uint64_t> bounds, std::uint64_t value) noexcept {
  return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) -
                                  bounds.begin());
}

std::uint64_t bytes_of(std::span<const LogEntry> entries) noexcept {
  std::uint64_t bytes = 0;
  for (const auto& entry : entries)
    bytes += entry.bytes;
  return bytes;
}

}  // namespace

/// What the writer and the others share, and the writer's own state.
///
/// Notes on the atomics, by their numbers (the queue's are in append_queue.hpp):
///   F1 relaxed: figures, each exact on its own; they publish no data.
///   F2 release, F3 acquire: who reads a watermark sees what the commit did.
struct WriteBehind::Impl {
  Impl(Store& to, StoreReaders& by, const WriteBehindOptions& with, engine::LogSink log_to)
      : store{to},
        readers{by},
        options{checked(with)},
        log{std::move(log_to)},
        origin{to.origin()},
        queue{with.shards},
        watermarks(with.shards) {}

  // The writer's thread.
  void run() noexcept;
  [[nodiscard]] bool commit(std::vector<LogEntry>& batch);
  void wait_to_retry(milliseconds wait);
  void gather(std::size_t committed, Clock::duration took);
  void settle(std::vector<LogEntry>& batch, Clock::duration took);
  void abandon(std::vector<LogEntry>& batch);
  void failed(const Error& error);
  void succeeded();

  [[nodiscard]] bool stopping() {
    const std::lock_guard lock{mutex};
    return give_up_at.has_value();
  }

  Store& store;
  StoreReaders& readers;
  const WriteBehindOptions options;
  const engine::LogSink log;
  const engine::LogOrigin origin;
  engine::LogObserver* observer = nullptr;  // set by attach, before the thread starts
  AppendQueue queue;
  std::thread writer;

  std::mutex mutex;  // over the next three
  std::condition_variable stopped;
  std::optional<Clock::time_point> give_up_at;  // set by stop()
  engine::InboxHealth health;

  std::deque<std::atomic<Sequence>> watermarks;  // the writer writes
  struct Figures {
    std::atomic<std::uint64_t> committed{0};
    std::atomic<std::uint64_t> abandoned{0};
    std::atomic<std::uint64_t> commits{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::uint64_t> batch_entries{0};
    std::atomic<std::uint64_t> latency_us{0};
    std::array<std::atomic<std::uint64_t>, WriteBehindMetrics::latency_bounds_us.size() + 1>
        latency{};
    std::array<std::atomic<std::uint64_t>, WriteBehindMetrics::batch_bounds.size() + 1> batches{};
    std::atomic<std::uint64_t> settled_entries{0};
    std::atomic<std::uint64_t> settled_bytes{0};
  } figures;  // the writer writes
  // The shards write these two; a line of their own.
  alignas(64) std::atomic<std::uint64_t> appended_entries{0};
  std::atomic<std::uint64_t> appended_bytes{0};
};

void WriteBehind::Impl::run() noexcept {
  std::vector<LogEntry> batch;
  batch.reserve(options.batch_entries_max);
  bool gave_up = false;
  for (;;) {
    // Asked before the queue is: who stops no longer appends, so if nothing is
    // found afterwards, nothing will come.
    const bool last_round = stopping();
    queue.take(batch, options.batch_entries_max, options.batch_bytes_max);
    if (batch.empty()) {
      if (last_round) return;
      queue.wait_for_work();
      continue;
    }
    const auto begun = Clock::now();
    gave_up = gave_up || !commit(batch);
    if (gave_up) {
      abandon(batch);
    } else {
      const auto took = Clock::now() - begun;
      settle(batch, took);
      gather(batch.size(), took);
    }
    batch.clear();
  }
}

bool WriteBehind::Impl::commit(std::vector<LogEntry>& batch) {
  for (auto wait = options.retry_wait_min;; wait = std::min(wait * 2, options.retry_wait_max)) {
    // Asked before the attempt, so that a last one follows the end of patience.
    const bool patient = [this] {
      const std::lock_guard lock{mutex};
      return !give_up_at || Clock::now() < *give_up_at;
    }();
    const auto done = store.commit(batch);
    if (done) {
      succeeded();
      return true;
    }
    failed(done.error());
    if (!patient) return false;
    wait_to_retry(wait);
  }
}

/// Until `wait` is over, stop() is called, or there is no patience left.
void WriteBehind::Impl::wait_to_retry(milliseconds wait) {
  std::unique_lock lock{mutex};
  const bool stopping_before = give_up_at.has_value();
  auto until = Clock::now() + wait;
  if (stopping_before) until = std::min(until, *give_up_at);
  stopped.wait_until(lock, until, [&] { return give_up_at.has_value() && !stopping_before; });
}

/// Lets the next group form. A commit of few entries costs the processor much the same as
/// one of some hundred, so under load as much time is left between two as one takes.
void WriteBehind::Impl::gather(std::size_t committed, Clock::duration took) {
  if (committed < gather_entries_min || committed >= gather_entries_max) return;
  const auto pause = std::min<Clock::duration>(took, options.commit_pause_max);
  if (pause <= Clock::duration::zero()) return;
  std::unique_lock lock{mutex};
  stopped.wait_for(lock, pause, [this] { return give_up_at.has_value(); });
}

void WriteBehind::Impl::failed(const Error& error) {
  figures.failures.fetch_add(1, std::memory_order_relaxed);  // F1
  bool changed = false;
  {
    const std::lock_guard lock{mutex};
    changed = health.writable;
    health = {.writable = false, .reason = error.text()};
  }
  if (!changed || !log) return;
  const LogField reason{.key = "reason", .value = error.text()};
  log(LogLevel::error, "events can't be made durable; trying again until they can", {&reason, 1});
}

void WriteBehind::Impl::succeeded() {
  {
    const std::lock_guard lock{mutex};
    if (health.writable) return;
    health = {};
  }
  if (log) log(LogLevel::warning, "events are made durable again", {});
}

void WriteBehind::Impl::settle(std::vector<LogEntry>& batch, Clock::duration took) {
  for (const auto& entry : batch)
    watermarks[entry.shard].store(entry.sequence, std::memory_order_release);  // F2
  const auto micros = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  figures.latency[bucket_of(WriteBehindMetrics::latency_bounds_us, micros)].fetch_add(
      1, std::memory_order_relaxed);  // F1, as all below
  figures.batches[bucket_of(WriteBehindMetrics::batch_bounds, batch.size())].fetch_add(
      1, std::memory_order_relaxed);
  figures.latency_us.fetch_add(micros, std::memory_order_relaxed);
  figures.commits.fetch_add(1, std::memory_order_relaxed);
  figures.committed.fetch_add(batch.size(), std::memory_order_relaxed);
  figures.batch_entries.store(batch.size(), std::memory_order_relaxed);
  figures.settled_entries.fetch_add(batch.size(), std::memory_order_relaxed);
  figures.settled_bytes.fetch_add(bytes_of(batch), std::memory_order_relaxed);
  observer->on_committed(batch);
}

void WriteBehind::Impl::abandon(std::vector<LogEntry>& batch) {
  figures.abandoned.fetch_add(batch.size(), std::memory_order_relaxed);  // F1, as all below
  figures.settled_entries.fetch_add(batch.size(), std::memory_order_relaxed);
  figures.settled_bytes.fetch_add(bytes_of(batch), std::memory_order_relaxed);
  if (log) {
    const LogField count{.key = "entries", .value = std::to_string(batch.size())};
    log(LogLevel::error, "events were given up: stopped while they could not be made durable",
        {&count, 1});
  }
  observer->on_abandoned(batch);
}

WriteBehind::WriteBehind(Store& store,
                         StoreReaders& readers,
                         const WriteBehindOptions& options,
                         engine::LogSink log)
    : impl_{std::make_unique<Impl>(store, readers, options, std::move(log))} {
}

WriteBehind::~WriteBehind() {
  stop(milliseconds{0});
}

engine::LogOrigin WriteBehind::origin() const noexcept {
  return impl_->origin;
}

void WriteBehind::attach(engine::LogObserver& observer) noexcept {
  CARILLON_STORE_ASSERT(impl_->observer == nullptr, "a log has one observer in its life");
  impl_->observer = &observer;
  impl_->writer = std::thread{[impl = impl_.get()] { impl->run(); }};
}

void WriteBehind::append(ShardIndex shard, std::span<LogEntry> batch) noexcept {
  CARILLON_STORE_ASSERT(impl_->observer != nullptr, "attach comes before append");
  // F1. Before the queue has them, so that the difference is never below zero.
  impl_->appended_entries.fetch_add(batch.size(), std::memory_order_relaxed);
  impl_->appended_bytes.fetch_add(bytes_of(batch), std::memory_order_relaxed);
  impl_->queue.append(shard, batch);
}

void WriteBehind::find(const UserId& owner, const EventId& id, FindDone done) {
  // Kept here as well, because a refused task is dropped with what it holds.
  auto shared_done = std::make_shared<FindDone>(std::move(done));
  const bool accepted =
      impl_->readers.post([&store = std::as_const(impl_->store), owner, id, shared_done] {
        (*shared_done)(store.find_by_id(owner, id));
      });
  if (!accepted) (*shared_done)(Error{Errc::closed, "The store's readers have stopped"});
}

void WriteBehind::stop(milliseconds patience) {
  {
    const std::lock_guard lock{impl_->mutex};
    if (!impl_->give_up_at) impl_->give_up_at = Clock::now() + patience;
  }
  impl_->stopped.notify_all();
  impl_->queue.wake();
  if (impl_->writer.joinable()) impl_->writer.join();
}

Sequence WriteBehind::watermark(ShardIndex shard) const noexcept {
  CARILLON_STORE_ASSERT(shard < impl_->watermarks.size(), "no such shard");
  return impl_->watermarks[shard].load(std::memory_order_acquire);  // F3
}

engine::InboxHealth WriteBehind::health() const {
  const std::lock_guard lock{impl_->mutex};
  return impl_->health;
}

WriteBehindMetrics WriteBehind::metrics() const noexcept {
  const auto& figures = impl_->figures;
  const auto read = [](const std::atomic<std::uint64_t>& figure) {
    return figure.load(std::memory_order_relaxed);  // F1
  };
  WriteBehindMetrics metrics;
  // What was settled is read first, so that the difference is never below zero.
  const auto settled_entries = figures.settled_entries.load(std::memory_order_acquire);
  const auto settled_bytes = figures.settled_bytes.load(std::memory_order_acquire);
  metrics.queued_entries = read(impl_->appended_entries) - settled_entries;
  metrics.queued_bytes = read(impl_->appended_bytes) - settled_bytes;
  metrics.committed_total = read(figures.committed);
  metrics.abandoned_total = read(figures.abandoned);
  metrics.commits_total = read(figures.commits);
  metrics.commit_failures_total = read(figures.failures);
  metrics.batch_entries_last = read(figures.batch_entries);
  metrics.commit_latency_us_total = read(figures.latency_us);
  for (std::size_t i = 0; i < metrics.commit_latency.size(); ++i)
    metrics.commit_latency[i] = read(figures.latency[i]);
  for (std::size_t i = 0; i < metrics.batch_entries.size(); ++i)
    metrics.batch_entries[i] = read(figures.batches[i]);
  return metrics;
}

}  // namespace carillon::persistence
