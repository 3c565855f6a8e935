#pragma once

#include "carillon/engine/event_log.hpp"
#include "tests/support/recording_sink.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace carillon::testing {

/// An EventLog whose commits and lookups happen when the test says so.
class ManualLog final : public engine::EventLog {
 public:
  explicit ManualLog(engine::LogOrigin origin = {.epoch = 7, .first_sequence = 100})
      : origin_{origin} {}

  [[nodiscard]] engine::LogOrigin origin() const noexcept override { return origin_; }
  void attach(engine::LogObserver& observer) noexcept override { observer_ = &observer; }

  void append(engine::ShardIndex, std::span<engine::LogEntry> batch) noexcept override {
    const std::lock_guard lock{mutex_};
    for (auto& entry : batch)
      pending_.push_back(std::move(entry));
    changed_.notify_all();
  }

  void find(const engine::UserId& owner, const engine::EventId& id, FindDone done) override {
    const std::lock_guard lock{mutex_};
    lookups_.push_back({owner, id, std::move(done)});
    changed_.notify_all();
  }

  bool wait_pending(std::size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, deadline, [&] { return pending_.size() >= count; });
  }
  bool wait_lookups(std::size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, deadline, [&] { return lookups_.size() >= count; });
  }
  [[nodiscard]] std::vector<engine::Sequence> pending_sequences() const {
    const std::lock_guard lock{mutex_};
    std::vector<engine::Sequence> out;
    for (const auto& entry : pending_)
      out.push_back(entry.sequence);
    return out;
  }

  bool find_fails = false;

  /// What was appended and not committed; it never will be.
  std::vector<engine::LogEntry> take_pending() { return take(); }

  /// Commits all that was appended; what has a publisher's id can be found.
  void commit() {
    auto batch = take();
    {
      const std::lock_guard lock{mutex_};
      for (const auto& entry : batch)
        if (entry.event)
          stored_[{entry.event->owner(), entry.event->id()}] = std::string{entry.event->json()};
    }
    observer_->on_committed(batch);
  }
  void abandon() {
    auto batch = take();
    observer_->on_abandoned(batch);
  }
  /// Answers all lookups that wait, from what was committed.
  void answer_lookups() {
    std::vector<Lookup> lookups;
    {
      const std::lock_guard lock{mutex_};
      lookups.swap(lookups_);
    }
    for (auto& lookup : lookups) {
      engine::Result<std::optional<std::string>> json = std::optional<std::string>{};
      if (find_fails) {
        json = engine::Errc::unavailable;
      } else {
        const std::lock_guard lock{mutex_};
        const auto found = stored_.find({lookup.owner, lookup.id});
        if (found != stored_.end()) json = std::optional{found->second};
      }
      lookup.done(std::move(json));
    }
  }

 private:
  struct Lookup {
    engine::UserId owner;
    engine::EventId id;
    FindDone done;
  };

  std::vector<engine::LogEntry> take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(pending_, {});
  }

  engine::LogOrigin origin_;
  engine::LogObserver* observer_ = nullptr;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<engine::LogEntry> pending_;
  std::vector<Lookup> lookups_;
  std::map<std::pair<engine::UserId, engine::EventId>, std::string> stored_;
};

}  // namespace carillon::testing
