#pragma once

#include "tools/loadgen/agreement_check.hpp"
#include "tools/loadgen/plan.hpp"
#include "tools/loadgen/publisher_group.hpp"
#include "tools/loadgen/receiver.hpp"
#include "tools/loadgen/run_state.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace carillon::loadgen {

/// All that subscribe. With `--cut-rate` it cuts connections at random times while
/// events are published, and subscribes again after the cursor that each has seen
/// last.
///
/// Threads   The loop's thread.
class ReceiverGroup final : public ReceiverHost {
 public:
  /// `publishers` hears of deliveries.
  ReceiverGroup(RunState& state, PublisherGroup& publishers);

  /// Throws Unreachable.
  boost::asio::awaitable<void> open();
  void start_cutting();
  /// Who is away still comes back.
  void stop_cutting();
  /// Some are cut and have not subscribed again yet.
  [[nodiscard]] bool incomplete() const { return away_ > 0; }
  [[nodiscard]] std::uint64_t away() const { return away_; }
  /// None stands, and none comes back.
  [[nodiscard]] bool all_ended() const {
    return state_.result.connections_lost >= state_.result.connected;
  }

  [[nodiscard]] const std::vector<std::unique_ptr<Receiver>>& all() const { return receivers_; }

 private:
  void receiver_ready(Receiver& receiver) override;
  void receiver_ended(Receiver& receiver, const std::string& why) override;
  void delivered(const Stamp& stamp, std::int64_t at_ns) override;
  bool agrees(const Stamp& stamp, std::string_view id, std::uint64_t sequence) override;

  void open_next();
  void cut_next();
  void come_back(Receiver& receiver);

  RunState& state_;
  PublisherGroup& publishers_;
  SubscribePlan plan_;
  boost::asio::ip::tcp::endpoint remote_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
  AgreementCheck agreement_;
  boost::asio::steady_timer cut_timer_;
  std::mt19937 random_;
  std::uint64_t away_ = 0;
  bool cutting_ = false;
};

}  // namespace carillon::loadgen
