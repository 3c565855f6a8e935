#pragma once

#include "tools/loadgen/connection.hpp"
#include "tools/loadgen/options.hpp"
#include "tools/loadgen/population.hpp"
#include "tools/loadgen/recorder.hpp"
#include "tools/loadgen/result.hpp"
#include "tools/loadgen/stamp.hpp"
#include "tools/loadgen/target_url.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <random>
#include <string>

namespace carillon::loadgen {

/// What the parts of one run share.
///
/// Threads   The loop's thread.
struct RunState {
  explicit RunState(const Options& wanted)
      : options{wanted},
        population{wanted, std::random_device{}()},
        codec{population.run()},
        changed{loop.io} {}

  [[nodiscard]] bool subscribes() const { return options.scenario != Scenario::ingest; }
  [[nodiscard]] bool publishes() const { return options.scenario != Scenario::idle; }
  [[nodiscard]] std::uint64_t receivers_per_user() const {
    return subscribes() ? options.receivers : 0;
  }
  [[nodiscard]] bool all_delivered() const {
    return result.delivered >= result.acknowledged * receivers_per_user();
  }

  /// Wakes who waits in changed_before().
  void notify() { changed.cancel(); }
  boost::asio::awaitable<void> changed_before(Clock::time_point deadline) {
    changed.expires_at(deadline);
    co_await changed.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }

  /// A connection has ended that should have stood.
  void connection_ended(const std::string& why) {
    if (result.first_end.empty()) result.first_end = why;
    notify();
  }

  const Options& options;
  Loop loop;  // before all that runs on it
  Population population;
  StampCodec codec;
  boost::asio::steady_timer changed;
  Result result;
  Recorder recorder{result};
  bool draining = false;  ///< nothing is published any more; what is on its way may come
};

/// How long opening may stand still.
inline constexpr std::chrono::seconds open_deadline{30};

/// Throws Unreachable.
[[nodiscard]] boost::asio::ip::tcp::endpoint resolve(Loop& loop, const TargetUrl& url);

}  // namespace carillon::loadgen
