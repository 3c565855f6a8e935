#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "tests/support/recording_sink.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace carillon::testing {

/// Collects acknowledgements; a test waits for a number of them.
class RecordingAcks final : public engine::AckSink {
 public:
  void on_acks(std::span<engine::Ack> acks) noexcept override {
    const std::lock_guard lock{mutex_};
    for (auto& ack : acks)
      acks_.push_back(std::move(ack));
    changed_.notify_all();
  }

  bool wait(std::size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, deadline, [&] { return acks_.size() >= count; });
  }
  void clear() {
    const std::lock_guard lock{mutex_};
    acks_.clear();
  }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock{mutex_};
    return acks_.size();
  }
  [[nodiscard]] std::vector<engine::Ack> acks() const {
    const std::lock_guard lock{mutex_};
    return acks_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<engine::Ack> acks_;
};

}  // namespace carillon::testing
