#pragma once

#include "tools/loadgen/pacer.hpp"
#include "tools/loadgen/plan.hpp"
#include "tools/loadgen/publisher.hpp"
#include "tools/loadgen/run_state.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace carillon::loadgen {

/// All that publish, and when: at a rate, as soon as the server has answered, or
/// in lockstep.
///
/// Threads   The loop's thread.
class PublisherGroup final : public PublisherHost {
 public:
  explicit PublisherGroup(RunState& state);

  /// Throws Unreachable.
  boost::asio::awaitable<void> open();
  void start();
  void stop();
  [[nodiscard]] bool publishing() const { return publishing_; }
  [[nodiscard]] std::uint64_t offered() const { return offered_; }
  [[nodiscard]] const Pacer& pacer() const { return pacer_; }
  /// Something is unanswered or has not been sent.
  [[nodiscard]] bool busy() const;
  /// No connection stands any more.
  [[nodiscard]] bool all_ended() const {
    return state_.result.publishers_lost == publishers_.size();
  }

  /// In lockstep the next event may be due.
  void delivery_came() {
    if (state_.options.lockstep) step();
  }

  /// Ends what is under way, counts it, and returns what each connection did.
  [[nodiscard]] std::vector<Stream> finish();

 private:
  void publisher_ready() override;
  void publisher_ended(const std::string& why) override;
  void answered(const Stamp& stamp, unsigned status) override;

  bool offer(std::uint64_t number, std::int64_t due_ns);
  void offer_now(PublishQueue& publisher);
  void step();

  RunState& state_;
  PublishPlan plan_;
  std::vector<std::unique_ptr<PublishQueue>> publishers_;
  Pacer pacer_;
  std::uint32_t ready_ = 0;
  std::uint64_t offered_ = 0;
  bool publishing_ = false;
};

}  // namespace carillon::loadgen
