#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "tests/support/events.hpp"
#include "tests/support/manual_log.hpp"
#include "tests/support/recording_acks.hpp"
#include "tests/support/recording_sink.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

namespace carillon::engine {

struct CountingWaker final : ShardWaker {
  void wake(ShardIndex) noexcept override { wakes.fetch_add(1); }
  std::atomic<int> wakes{0};
};

/// A broadcaster whose turns the test runs itself: every step is where the test
/// puts it.
class TurnedBroadcasterTest : public ::testing::Test {
 protected:
  void start(Options options = {}, bool with_log = true) {
    if (options.shards == 0) options.shards = 2;
    options.waker = &waker_;
    auto made = Broadcaster::create(options, with_log ? &log_ : nullptr);
    ASSERT_TRUE(made) << made.error().text();
    broadcaster_ = std::move(*made);
  }
  void TearDown() override {
    if (!broadcaster_) return;
    broadcaster_->stop();
    // Events go back to their broadcaster's pool, so they go first.
    static_cast<void>(log_.take_pending());
    acks_.clear();
  }

  /// Runs turns of all shards until nothing is left.
  void run() {
    for (int before = -1; before != waker_.wakes.load();) {
      before = waker_.wakes.load();
      for (ShardIndex shard = 0; shard < broadcaster_->shards(); ++shard)
        while (broadcaster_->run_turn(shard)) {
        }
    }
  }
  NewEvent event(const UserId& owner, std::string_view description = "") {
    return testing::make_event(*broadcaster_, owner, description);
  }
  void publish(const UserId& owner, std::string_view description = "") {
    ASSERT_EQ(broadcaster_->publish(event(owner, description)), PublishStatus::accepted);
  }
  std::pair<std::shared_ptr<testing::RecordingSink>, Subscription> subscribe(const UserId& user,
                                                                             Filter filter = {}) {
    auto sink = std::make_shared<testing::RecordingSink>();
    return {sink, broadcaster_->subscribe(user, sink, {.filter = std::move(filter)})};
  }
  /// Two users of different shards.
  UserId other_shard_than(const UserId& user) {
    for (std::uint8_t number = 0; number < 255; ++number) {
      const auto candidate = testing::user(number);
      if (broadcaster_->shard_of(candidate) != broadcaster_->shard_of(user)) return candidate;
    }
    return {};
  }

  CountingWaker waker_;
  testing::ManualLog log_;
  testing::RecordingAcks acks_;
  std::unique_ptr<Broadcaster> broadcaster_;
  const UserId alice_ = testing::user(1);
  const UserId bob_ = testing::user(2);
};

}  // namespace carillon::engine
