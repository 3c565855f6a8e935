#include "tools/loadgen/load_run.hpp"

#include "tools/loadgen/meter.hpp"
#include "tools/loadgen/outcome.hpp"
#include "tools/loadgen/publisher_group.hpp"
#include "tools/loadgen/receiver_group.hpp"
#include "tools/loadgen/run_state.hpp"
#include "tools/loadgen/verdict.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <exception>
#include <utility>

namespace carillon::loadgen {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;

constexpr auto linger = 100ms;  // in which a duplicate would come

tcp::endpoint resolve(Loop& loop, const TargetUrl& url) {
  boost::system::error_code error;
  tcp::resolver resolver{loop.io};
  const auto found = resolver.resolve(url.host, std::to_string(url.port), error);
  if (error || found.empty())
    throw Unreachable{fmt::format("{}: {}", url.authority, error.message())};
  return found.begin()->endpoint();
}

namespace {

/// One run: its story from the first connection to the last delivery.
///
/// Threads   The loop's thread.
class LoadRun {
 public:
  LoadRun(const Options& options, const std::function<void(const Progress&)>& watch)
      : watch_{watch},
        state_{options},
        meter_{state_},
        publishers_{state_},
        receivers_{state_, publishers_},
        ticker_{state_.loop.io},
        signals_{state_.loop.io, SIGINT, SIGTERM} {}

  Result run() {
    state_.result.started = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      state_.result.interrupted = true;
      publishers_.stop();
      state_.notify();
    });
    asio::co_spawn(state_.loop.io, story(), [this](std::exception_ptr failure) {
      failure_ = std::move(failure);
      state_.loop.io.stop();
    });
    state_.loop.io.run();
    if (failure_) std::rethrow_exception(failure_);
    finish();
    return std::move(state_.result);
  }

 private:
  asio::awaitable<void> story() {
    tick();
    phase_ = "subscribing";
    if (state_.subscribes()) co_await receivers_.open();
    co_await sleep(options().settle);
    meter_.connected();
    phase_ = "connecting";
    if (state_.publishes()) co_await publishers_.open();
    meter_.begin();
    const bool warm_up = options().warmup.count() > 0;
    if (!warm_up) meter_.open_window();  // the first event belongs to it
    if (state_.publishes()) publishers_.start();
    receivers_.start_cutting();
    phase_ = "warm-up";
    co_await sleep(options().warmup);
    if (warm_up) meter_.open_window();
    phase_ = state_.publishes() ? "measuring" : "idle";
    const auto end = Clock::now() + options().duration;
    while (!interrupted() && (publishers_.publishing() || !state_.publishes()) &&
           Clock::now() < end)
      co_await state_.changed_before(end);
    publishers_.stop();
    receivers_.stop_cutting();
    meter_.close_window();
    if (state_.publishes()) co_await drain();
  }

  asio::awaitable<void> sleep(std::chrono::milliseconds duration) {
    const auto end = Clock::now() + duration;
    while (!interrupted() && Clock::now() < end)
      co_await state_.changed_before(end);
  }

  // Waits for what is on its way, of an interrupted run too: it would be counted as lost.
  asio::awaitable<void> drain() {
    phase_ = "draining";
    const auto deadline = Clock::now() + options().drain;
    state_.draining = true;
    while (!drained() && !all_gone() && Clock::now() < deadline)
      co_await state_.changed_before(deadline);
    const auto end = Clock::now() + linger;
    while (Clock::now() < end)
      co_await state_.changed_before(end);
  }

  [[nodiscard]] bool drained() const {
    return !publishers_.busy() && !receivers_.incomplete() && state_.all_delivered();
  }
  // Nothing can come any more.
  [[nodiscard]] bool all_gone() const { return publishers_.all_ended() && receivers_.all_ended(); }
  [[nodiscard]] const Options& options() const { return state_.options; }
  [[nodiscard]] bool interrupted() const { return state_.result.interrupted; }

  void tick() {
    meter_.tick();
    watch_(progress());
    ticker_.expires_after(100ms);
    ticker_.async_wait([this](const boost::system::error_code& error) {
      if (!error) tick();
    });
  }

  [[nodiscard]] Progress progress() const {
    Progress progress{.phase = phase_,
                      .done = done(),
                      .connected = state_.result.connected,
                      .connections = state_.subscribes() ? state_.population.receivers() : 0};
    if (!state_.result.samples.empty()) progress.last = state_.result.samples.back();
    return progress;
  }

  // Of the phase, 0 to 1.
  [[nodiscard]] double done() const {
    if (state_.draining) return 1.0;
    if (!meter_.began()) {
      if (!state_.subscribes()) return 0.0;
      return static_cast<double>(state_.result.connected) / state_.population.receivers();
    }
    const std::chrono::duration<double> whole = options().warmup + options().duration;
    double done = meter_.since_begin_s() / whole.count();
    if (options().events > 0)
      done = std::max(
          done, static_cast<double>(publishers_.offered()) / static_cast<double>(options().events));
    return std::clamp(done, 0.0, 1.0);
  }

  void finish() {
    auto& result = state_.result;
    const auto streams = publishers_.finish();
    result.expected = result.acknowledged * state_.receivers_per_user();
    result.faults = find_faults(receivers_.all(), streams);
    const auto& pacer = publishers_.pacer();
    result.own.late_sends = pacer.late();
    result.own.late_max_ms = static_cast<double>(pacer.late_max_ns()) / 1e6;
    if (result.server)
      result.saturated = find_saturated(*result.server, result.window_s, result.own);
    judge(result.own, pacer.offered());
    result.still_away = interrupted() ? 0 : receivers_.away();
    result.shortfalls = find_shortfalls(options(), result);
  }

  const std::function<void(const Progress&)>& watch_;
  RunState state_;  // before all that refers to it
  Meter meter_;
  PublisherGroup publishers_;
  ReceiverGroup receivers_;
  asio::steady_timer ticker_;
  asio::signal_set signals_;
  std::exception_ptr failure_;
  const char* phase_ = "";
};

}  // namespace

Result run_load(const Options& options, const std::function<void(const Progress&)>& watch) {
  return LoadRun{options, watch}.run();
}

}  // namespace carillon::loadgen
