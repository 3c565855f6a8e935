#pragma once

#include "carillon/engine/event_log.hpp"

#include <condition_variable>
#include <mutex>
#include <span>
#include <vector>

namespace carillon::testing {

/// Keeps what a log reports, and lets a test wait for it.
class RecordingObserver final : public engine::LogObserver {
 public:
  void on_committed(std::span<engine::LogEntry> entries) noexcept override {
    record(entries, committed_);
  }
  void on_abandoned(std::span<engine::LogEntry> entries) noexcept override {
    record(entries, abandoned_);
  }

  struct Seen {
    engine::ShardIndex shard;
    engine::Sequence sequence;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  /// What was committed, as soon as it is that many entries.
  std::vector<Seen> wait_for_committed(std::size_t entries) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return committed_.size() >= entries; });
    return committed_;
  }
  [[nodiscard]] std::vector<Seen> committed() const {
    const std::lock_guard lock{mutex_};
    return committed_;
  }
  [[nodiscard]] std::vector<Seen> abandoned() const {
    const std::lock_guard lock{mutex_};
    return abandoned_;
  }

 private:
  void record(std::span<const engine::LogEntry> entries, std::vector<Seen>& into) {
    const std::lock_guard lock{mutex_};
    for (const auto& entry : entries)
      into.push_back({.shard = entry.shard, .sequence = entry.sequence});
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Seen> committed_;
  std::vector<Seen> abandoned_;
};

}  // namespace carillon::testing
