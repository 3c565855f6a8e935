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

// What an acknowledgement may be late because of retention: about a sync at least, since
// a shorter slice would spend its time on beginning.
constexpr std::chrono::microseconds slice_min{500};
constexpr std::chrono::microseconds slice_max{2'000};
constexpr std::chrono::microseconds slice_behind_max{50'000};
// While nothing is to be committed: what comes meanwhile waits so long.
constexpr std::chrono::microseconds idle_slice_behind{10'000};
constexpr milliseconds due_wait_min{250};
constexpr std::chrono::hours due_wait_max{1};
constexpr std::chrono::seconds retention_retry{10};

constexpr Clock::time_point idle{};  // when no attempt of a commit runs
constexpr milliseconds look_at_hanging{50};

/// Which bucket of a histogram with these upper bounds.
std::size_t bucket_of(std::span<const std::uint64_t> bounds, std::uint64_t value) noexcept {
  return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) -
                                  bounds.begin());
}

std::string in_seconds(Clock::duration time) {
  return std::to_string(std::chrono::round<std::chrono::seconds>(time).count()) + " s";
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
///   F1 relaxed: figures, each exact on its own; they publish no data. So is the
///     time at which the running attempt began.
///   F2 release, F3 acquire: who reads a watermark sees what the commit did.
///   F4 relaxed: the queue's wake-up (A2, A3) orders it.
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
  void commit_all();
  [[nodiscard]] bool commit(std::vector<LogEntry>& batch);
  void wait_to_retry(milliseconds wait);
  void retain(Clock::duration time);
  void settle(std::vector<LogEntry>& batch, Clock::duration took);
  void abandon(std::vector<LogEntry>& batch);
  void failed(const Error& error);
  void succeeded(Clock::duration took);
  void retention_failed(const Error& error);
  [[nodiscard]] std::optional<milliseconds> time_until_retention() const;

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

  // The writer's.
  Clock::time_point retain_at{};  // the next slice, if nothing is committed before
  bool retention_behind = false;
  std::string retention_fault;                 // that was logged last
  std::atomic<bool> retention_changed{false};  // set by set_retention()

  [[nodiscard]] bool hangs() const {
    const auto began = attempt_began.load(std::memory_order_relaxed);  // F1
    return began != idle && Clock::now() - began > options.hang_after;
  }

  std::mutex mutex;  // over the next four
  std::condition_variable stopped;
  bool ended = false;                           // the writer has nothing more to do
  std::optional<Clock::time_point> give_up_at;  // set by stop()
  engine::InboxHealth health;

  std::deque<std::atomic<Sequence>> watermarks;  // the writer writes
  std::atomic<Clock::time_point> attempt_began{idle};
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
  commit_all();
  const std::lock_guard lock{mutex};
  ended = true;
  stopped.notify_all();
}

void WriteBehind::Impl::commit_all() {
  std::vector<LogEntry> batch;
  batch.reserve(options.batch_entries_max);
  bool gave_up = false;
  for (;;) {
    // Asked before the queue is: who stops no longer appends, so if nothing is
    // found afterwards, nothing will come.
    const bool last_round = stopping();
    // The first append wakes the writer, and the kernel lets it run at once. A shard that
    // shares its processor gets on with the requests that it has first, so that they are
    // in this commit: one sync for all of them instead of two.
    std::this_thread::yield();
    queue.take(batch, options.batch_entries_max, options.batch_bytes_max);
    if (batch.empty()) {
      if (last_round) return;
      const bool changed = retention_changed.exchange(false, std::memory_order_relaxed);  // F4
      if (changed || Clock::now() >= retain_at) {
        retain(retention_behind ? idle_slice_behind : slice_max);
      } else {
        queue.wait_for_work(time_until_retention());
      }
      continue;
    }
    const auto begun = Clock::now();
    gave_up = gave_up || !commit(batch);
    if (gave_up) {
      abandon(batch);
    } else {
      const auto took = Clock::now() - begun;
      settle(batch, took);
      retain(took);
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
    const auto began = Clock::now();
    attempt_began.store(began, std::memory_order_relaxed);  // F1
    const auto done = store.commit(batch);
    attempt_began.store(idle, std::memory_order_relaxed);  // F1
    if (done) {
      succeeded(Clock::now() - began);
      return true;
    }
    failed(done.error());
    if (!patient) return false;
    wait_to_retry(wait);
  }
}

/// One slice of retention. Behind a commit it takes about as long as that did, so that nobody
/// waits more than twice as long, within bounds that the store may ask to leave.
void WriteBehind::Impl::retain(Clock::duration time) {
  const auto wanted = std::chrono::duration_cast<std::chrono::microseconds>(time);
  const auto budget =
      std::clamp(wanted, slice_min, retention_behind ? slice_behind_max : slice_max);
  const auto now =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto step = store.retain(now, budget);
  if (!step) {
    retention_failed(step.error());
    retain_at = Clock::now() + retention_retry;
    return;
  }
  retention_fault.clear();
  retention_behind = step->behind;
  if (step->more) {
    retain_at = Clock::now();
  } else if (!step->due_at) {
    retain_at = Clock::time_point::max();
  } else {
    // Events that fall due one after the other leave together.
    const auto wait = std::clamp<Clock::duration>(*step->due_at - now, due_wait_min, due_wait_max);
    retain_at = Clock::now() + wait;
  }
}

std::optional<milliseconds> WriteBehind::Impl::time_until_retention() const {
  if (retain_at == Clock::time_point::max()) return {};
  const auto wait = std::chrono::ceil<milliseconds>(retain_at - Clock::now());
  return std::max(wait, milliseconds{1});
}

void WriteBehind::Impl::retention_failed(const Error& error) {
  const auto text = error.text();
  if (text == retention_fault) return;
  retention_fault = text;
  const LogField reason{.key = "reason", .value = text};
  if (log) log(LogLevel::error, "old events can't be removed; trying again", {&reason, 1});
}

/// Until `wait` is over, stop() is called, or there is no patience left.
void WriteBehind::Impl::wait_to_retry(milliseconds wait) {
  std::unique_lock lock{mutex};
  const bool stopping_before = give_up_at.has_value();
  auto until = Clock::now() + wait;
  if (stopping_before) until = std::min(until, *give_up_at);
  stopped.wait_until(lock, until, [&] { return give_up_at.has_value() && !stopping_before; });
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

void WriteBehind::Impl::succeeded(Clock::duration took) {
  if (log && took > options.hang_after) {
    const LogField time{.key = "took", .value = in_seconds(took)};
    log(LogLevel::warning, "a commit hung: the disk or the database did not answer", {&time, 1});
  }
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

void WriteBehind::set_retention(const RetentionOptions& options) {
  impl_->store.set_retention(options);
  impl_->retention_changed.store(true, std::memory_order_relaxed);  // F4
  impl_->queue.wake();
}

WriteBehind::~WriteBehind() {
  if (!stop(milliseconds{0})) impl_->writer.join();
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

bool WriteBehind::stop(milliseconds patience) {
  if (!impl_->writer.joinable()) return true;
  {
    std::unique_lock lock{impl_->mutex};
    if (!impl_->give_up_at) impl_->give_up_at = Clock::now() + patience;
    impl_->stopped.notify_all();
    impl_->queue.wake();
    // As long as commits succeed there is no end to the patience.
    while (!impl_->stopped.wait_for(lock, look_at_hanging, [this] { return impl_->ended; }))
      if (Clock::now() > *impl_->give_up_at && impl_->hangs()) return false;
  }
  impl_->writer.join();
  return true;
}

Sequence WriteBehind::watermark(ShardIndex shard) const noexcept {
  CARILLON_STORE_ASSERT(shard < impl_->watermarks.size(), "no such shard");
  return impl_->watermarks[shard].load(std::memory_order_acquire);  // F3
}

engine::InboxHealth WriteBehind::health() const {
  if (impl_->hangs())
    return {.writable = false,
            .reason = "A commit has been running for more than " +
                      in_seconds(impl_->options.hang_after) +
                      ": the disk or the database does not answer"};
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
