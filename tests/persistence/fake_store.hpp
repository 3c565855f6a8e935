#pragma once

#include "carillon/persistence/store.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace carillon::testing {

/// A store whose commits fail, or wait, when the test says so; it keeps nothing
/// but the sequences of what was committed.
class FakeStore final : public persistence::Store {
 public:
  // The script.
  void fail_next(std::size_t attempts) {
    const std::lock_guard lock{mutex_};
    failures_left_ = attempts;
  }
  void hold() {
    const std::lock_guard lock{mutex_};
    held_ = true;
  }
  void release() {
    const std::lock_guard lock{mutex_};
    held_ = false;
    changed_.notify_all();
  }
  /// Waits until a commit is held, or that many were tried.
  void wait_until_held() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return waiting_; });
  }
  void wait_for_attempts(std::size_t attempts) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return attempts_ >= attempts; });
  }

  [[nodiscard]] std::vector<std::vector<engine::Sequence>> commits() const {
    const std::lock_guard lock{mutex_};
    return commits_;
  }
  [[nodiscard]] std::size_t attempts() const {
    const std::lock_guard lock{mutex_};
    return attempts_;
  }

  /// What retain() answers from now on: `steps` times that there is more, then that the
  /// next event is due a moment later. `behind`: as RetentionStep has it.
  void have_events_to_remove(std::size_t steps, bool behind = false) {
    const std::lock_guard lock{mutex_};
    steps_left_ = steps;
    behind_ = behind;
  }
  /// False if it was not asked so often in time.
  bool wait_for_retentions(std::size_t asked) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return retentions_ >= asked; });
  }
  [[nodiscard]] std::size_t retentions() const {
    const std::lock_guard lock{mutex_};
    return retentions_;
  }
  [[nodiscard]] std::chrono::microseconds longest_slice() const {
    const std::lock_guard lock{mutex_};
    return longest_slice_;
  }

  // Store.
  engine::Result<persistence::RetentionStep> retain(engine::Timestamp now,
                                                    std::chrono::microseconds budget) override {
    const std::lock_guard lock{mutex_};
    ++retentions_;
    longest_slice_ = std::max(longest_slice_, budget);
    changed_.notify_all();
    if (steps_left_ == 0) return persistence::RetentionStep{};
    if (--steps_left_ == 0)
      return persistence::RetentionStep{.due_at = now + std::chrono::milliseconds{1}};
    return persistence::RetentionStep{.more = true, .behind = behind_};
  }
  engine::Result<void> commit(std::span<const engine::LogEntry> batch) override {
    std::unique_lock lock{mutex_};
    waiting_ = held_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    waiting_ = false;
    ++attempts_;
    changed_.notify_all();
    if (failures_left_ > 0) {
      --failures_left_;
      return engine::Error{engine::Errc::io, "the disk is full"};
    }
    auto& sequences = commits_.emplace_back();
    for (const auto& entry : batch)
      sequences.push_back(entry.sequence);
    return {};
  }
  [[nodiscard]] engine::Result<std::optional<std::string>> find_by_id(
      const engine::UserId& /*owner*/, const engine::EventId& /*id*/) const override {
    return engine::Errc::io;
  }
  [[nodiscard]] engine::Result<engine::EventPage> list(
      const engine::ListQuery& /*query*/) const override {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return !held_; });
    return engine::EventPage{.total_count = 42};
  }
  [[nodiscard]] engine::Result<std::string> get(const engine::UserId& /*user*/,
                                                const engine::EventId& /*id*/) const override {
    return engine::Errc::not_found;
  }
  [[nodiscard]] engine::Result<engine::Aggregate> aggregate(
      const engine::UserId& /*user*/) const override {
    return engine::Aggregate{};
  }
  [[nodiscard]] engine::Result<std::vector<engine::Kind>> kinds(
      const engine::UserId& /*user*/) const override {
    return std::vector<engine::Kind>{};
  }
  [[nodiscard]] engine::LogOrigin origin() const noexcept override {
    return {.epoch = 7, .first_sequence = 100, .last_broadcast = 3};
  }
  [[nodiscard]] persistence::StoreIdentity identity() const noexcept override { return {}; }
  [[nodiscard]] engine::InboxHealth health() const override { return {}; }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::vector<engine::Sequence>> commits_;
  std::size_t attempts_ = 0;
  std::size_t failures_left_ = 0;
  std::size_t retentions_ = 0;
  std::size_t steps_left_ = 0;
  bool behind_ = false;
  std::chrono::microseconds longest_slice_{0};
  bool held_ = false;
  bool waiting_ = false;
};

}  // namespace carillon::testing
