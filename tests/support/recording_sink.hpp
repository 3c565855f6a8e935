#pragma once

#include "carillon/engine/broadcaster.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace carillon::testing {

/// How long a test waits for a state before it gives up. Generous: it guards
/// against a hang, it measures nothing.
inline constexpr std::chrono::seconds deadline{30};

/// Collects what it is given; a test waits for a state of it.
class RecordingSink final : public engine::Sink {
 public:
  struct Seen {
    engine::EventRef event;
    engine::Position position;
  };

  void on_start(const engine::Position& at) noexcept override {
    const std::lock_guard lock{mutex_};
    started_ = at;
    changed_.notify_all();
  }
  void on_events(const engine::DeliveryBatch& batch) noexcept override {
    const std::lock_guard lock{mutex_};
    for (const auto& delivery : batch.deliveries)
      seen_.push_back({engine::EventRef::share(*delivery.event), delivery.position});
    ++batches_;
    changed_.notify_all();
  }
  void on_end(engine::EndReason reason) noexcept override {
    const std::lock_guard lock{mutex_};
    ended_ = reason;
    ++ends_;
    changed_.notify_all();
  }

  bool wait_started() {
    return wait([this] { return started_.has_value(); });
  }
  bool wait_seen(std::size_t count) {
    return wait([this, count] { return seen_.size() >= count; });
  }
  bool wait_ended() {
    return wait([this] { return ended_.has_value(); });
  }

  [[nodiscard]] std::vector<Seen> seen() const {
    const std::lock_guard lock{mutex_};
    return seen_;
  }
  [[nodiscard]] std::vector<std::string> descriptions() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> out;
    for (const auto& one : seen_)
      out.push_back(one.event->description());
    return out;
  }
  [[nodiscard]] std::optional<engine::Position> started() const {
    const std::lock_guard lock{mutex_};
    return started_;
  }
  [[nodiscard]] std::optional<engine::EndReason> ended() const {
    const std::lock_guard lock{mutex_};
    return ended_;
  }
  [[nodiscard]] int ends() const {
    const std::lock_guard lock{mutex_};
    return ends_;
  }
  [[nodiscard]] int batches() const {
    const std::lock_guard lock{mutex_};
    return batches_;
  }

 private:
  bool wait(const std::function<bool()>& state) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, deadline, state);
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<engine::Position> started_;
  std::vector<Seen> seen_;
  std::optional<engine::EndReason> ended_;
  int ends_ = 0;
  int batches_ = 0;
};

}  // namespace carillon::testing
