#pragma once

#include "carillon/persistence/write_behind.hpp"
#include "persistence/src/rocks_store.hpp"
#include "tests/persistence/crash_file_system.hpp"
#include "tests/persistence/inbox_model.hpp"
#include "tests/support/log_entries.hpp"

#include <rocksdb/env.h>
#include <rocksdb/system_clock.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace carillon::testing {

/// An Env of RocksDB on that file system, that does not sleep: a flush that fails waits
/// for a second otherwise, in case the disk gets better.
class SleeplessEnv final : public rocksdb::EnvWrapper {
 public:
  explicit SleeplessEnv(const std::shared_ptr<rocksdb::FileSystem>& files)
      : EnvWrapper{rocksdb::NewCompositeEnv(files)} {
    file_system_ = files;
    system_clock_ = std::make_shared<Clock>(rocksdb::SystemClock::Default());
  }
  [[nodiscard]] const char* Name() const override { return "carillon.sleepless"; }

 private:
  class Clock final : public rocksdb::SystemClockWrapper {
   public:
    using SystemClockWrapper::SystemClockWrapper;
    [[nodiscard]] const char* Name() const override { return "carillon.sleepless"; }
    void SleepForMicroseconds(int /*micros*/) override {}
  };
};

/// Passes everything on to a store, and remembers the commit under way.
class WatchedStore final : public persistence::Store {
 public:
  explicit WatchedStore(std::unique_ptr<persistence::Store> store) : store_{std::move(store)} {}

  engine::Result<void> commit(std::span<const engine::LogEntry> batch) override {
    tried_.assign(batch.begin(), batch.end());
    return store_->commit(batch);
  }
  engine::Result<persistence::RetentionStep> retain(engine::Timestamp now,
                                                    std::chrono::microseconds budget) override {
    return store_->retain(now, budget);
  }
  /// The entries of the latest commit, also if it failed. After the writer has ended.
  [[nodiscard]] const std::vector<engine::LogEntry>& tried() const { return tried_; }

  engine::Result<engine::EventPage> list(const engine::ListQuery& query) const override {
    return store_->list(query);
  }
  engine::Result<std::string> get(const engine::UserId& user,
                                  const engine::EventId& id) const override {
    return store_->get(user, id);
  }
  engine::Result<std::optional<std::string>> find_by_id(const engine::UserId& owner,
                                                        const engine::EventId& id) const override {
    return store_->find_by_id(owner, id);
  }
  engine::Result<engine::Aggregate> aggregate(const engine::UserId& user) const override {
    return store_->aggregate(user);
  }
  engine::Result<std::vector<engine::Kind>> kinds(const engine::UserId& user) const override {
    return store_->kinds(user);
  }
  engine::LogOrigin origin() const noexcept override { return store_->origin(); }
  persistence::StoreIdentity identity() const noexcept override { return store_->identity(); }
  engine::InboxHealth health() const override { return store_->health(); }

 private:
  std::unique_ptr<persistence::Store> store_;
  std::vector<engine::LogEntry> tried_;
};

/// Keeps the model of what was acknowledged, and lets a test wait for it or a crash.
class AcknowledgedModel final : public engine::LogObserver {
 public:
  /// `events_leave`: the store may have removed some that the model still has.
  AcknowledgedModel(InboxModel model, bool events_leave)
      : model_{std::move(model)}, events_leave_{events_leave} {}

  void on_committed(std::span<engine::LogEntry> entries) noexcept override {
    const std::lock_guard lock{mutex_};
    for (const auto& entry : entries) {
      auto expected = model_.apply(entry);
      if (entry.event) ++events_;
      if (!entry.change) continue;
      auto affected = entry.change->affected;
      std::sort(expected.begin(), expected.end());
      std::sort(affected.begin(), affected.end());
      const bool right = events_leave_ ? std::includes(expected.begin(), expected.end(),
                                                       affected.begin(), affected.end())
                                       : affected == expected;
      changes_right_ = changes_right_ && right;
    }
    entries_ += entries.size();
    last_sequence_ = entries.back().sequence;
    changed_.notify_all();
  }
  void on_abandoned(std::span<engine::LogEntry> /*entries*/) noexcept override {}
  void on_crash() {
    const std::lock_guard lock{mutex_};
    crashed_ = true;
    changed_.notify_all();
  }

  /// True if that many entries were acknowledged, false if the machine crashed before.
  bool wait_for(std::size_t entries) {
    std::unique_lock lock{mutex_};
    in_time_ = changed_.wait_for(lock, deadline, [&] { return crashed_ || entries_ >= entries; });
    return entries_ >= entries;
  }
  /// Whether the latest wait ended before its deadline.
  [[nodiscard]] bool in_time() const { return in_time_; }

  // After the writer has ended.
  [[nodiscard]] const InboxModel& model() const { return model_; }
  [[nodiscard]] engine::Sequence last_sequence() const { return last_sequence_; }
  [[nodiscard]] std::size_t events() const { return events_; }
  [[nodiscard]] bool changes_right() const { return changes_right_; }

 private:
  static constexpr std::chrono::seconds deadline{20};

  std::mutex mutex_;
  std::condition_variable changed_;
  InboxModel model_;
  const bool events_leave_;
  std::size_t entries_ = 0;
  std::size_t events_ = 0;
  engine::Sequence last_sequence_ = 0;
  bool crashed_ = false;
  bool in_time_ = true;
  bool changes_right_ = true;
};

}  // namespace carillon::testing
