#include "tools/loadgen/load_run.hpp"

#include "tools/loadgen/connection.hpp"
#include "tools/loadgen/pacer.hpp"
#include "tools/loadgen/plan.hpp"
#include "tools/loadgen/population.hpp"
#include "tools/loadgen/process_stats.hpp"
#include "tools/loadgen/publisher.hpp"
#include "tools/loadgen/receiver.hpp"
#include "tools/loadgen/recorder.hpp"
#include "tools/loadgen/verdict.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <utility>

namespace carillon::loadgen {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;

constexpr std::uint32_t opening_max = 128;  // a listener's backlog holds as many
constexpr auto open_deadline = 30s;         // without any progress
constexpr auto linger = 100ms;              // in which a duplicate would come

tcp::endpoint resolve(Loop& loop, const TargetUrl& url) {
  boost::system::error_code error;
  tcp::resolver resolver{loop.io};
  const auto found = resolver.resolve(url.host, std::to_string(url.port), error);
  if (error || found.empty())
    throw Unreachable{fmt::format("{}: {}", url.authority, error.message())};
  return found.begin()->endpoint();
}

/// One run: its connections, its story, its figures.
///
/// Threads   The loop's thread.
class LoadRun final : public ReceiverHost, public PublisherHost {
 public:
  LoadRun(const Options& options, const std::function<void(const Progress&)>& watch)
      : options_{options},
        watch_{watch},
        population_{options, std::random_device{}()},
        codec_{population_.run()},
        changed_{loop_.io},
        ticker_{loop_.io},
        signals_{loop_.io, SIGINT, SIGTERM},
        pacer_{loop_, options.rate > 0 ? options.rate : 1.0,
               [this](std::uint64_t number, std::int64_t due) { return offer(number, due); }} {
    if (subscribes()) subscribe_plan_ = plan_subscribing(options);
    if (publishes()) publish_plan_ = plan_publishing(options);
  }

  Result run() {
    result_.started = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
    read_server(before_);
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      result_.interrupted = true;
      stop_publishing();
      changed_.cancel();
    });
    asio::co_spawn(loop_.io, story(), [this](std::exception_ptr failure) {
      failure_ = std::move(failure);
      loop_.io.stop();
    });
    loop_.io.run();
    if (failure_) std::rethrow_exception(failure_);
    finish();
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool subscribes() const { return options_.scenario != Scenario::ingest; }
  [[nodiscard]] bool publishes() const { return options_.scenario != Scenario::idle; }

  // The story.
  asio::awaitable<void> story() {
    tick();
    if (subscribes()) co_await open_receivers();
    co_await sleep(options_.settle);
    read_server(connected_);
    if (publishes()) co_await open_publishers();
    began_ns_ = last_sample_ns_ = now_ns();
    last_server_ = connected_;
    last_own_cpu_s_ = own_cpu_s();
    const bool warm_up = options_.warmup.count() > 0;
    if (!warm_up) open_window();  // the first event belongs to it
    if (publishes()) start_publishing();
    phase_ = "warm-up";
    co_await sleep(options_.warmup);
    if (warm_up) open_window();
    phase_ = publishes() ? "measuring" : "idle";
    const auto end = Clock::now() + options_.duration;
    while (!result_.interrupted && (publishing_ || !publishes()) && Clock::now() < end)
      co_await changed_before(end);
    stop_publishing();
    close_window();
    if (publishes()) co_await drain();
  }

  asio::awaitable<void> sleep(std::chrono::milliseconds duration) {
    const auto end = Clock::now() + duration;
    while (!result_.interrupted && Clock::now() < end)
      co_await changed_before(end);
  }

  asio::awaitable<void> changed_before(Clock::time_point deadline) {
    changed_.expires_at(deadline);
    co_await changed_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  asio::awaitable<void> open_receivers() {
    phase_ = "subscribing";
    const auto began = now_ns();
    remote_ = resolve(loop_, subscribe_plan_->url);
    const auto count = population_.receivers();
    receivers_.reserve(count);
    while (result_.connected < count && !result_.interrupted) {
      while (receivers_.size() < count && receivers_.size() - result_.connected < opening_max)
        open_receiver();
      const auto before = result_.connected;
      co_await changed_before(Clock::now() + open_deadline);
      if (!first_end_.empty())
        throw Unreachable{
            fmt::format("subscriber {} of {}: {}", result_.connected + 1, count, first_end_)};
      if (result_.connected == before && !result_.interrupted)
        throw Unreachable{fmt::format("{} of {} subscriptions stand, and none more within {} s",
                                      result_.connected, count, open_deadline.count())};
    }
    result_.connect_s = static_cast<double>(now_ns() - began) / 1e9;
  }

  void open_receiver() {
    const auto number = static_cast<std::uint32_t>(receivers_.size());
    const auto user = population_.user_of_receiver(number);
    receivers_.push_back(std::make_unique<Receiver>(
        loop_, *subscribe_plan_, codec_, *this,
        Receiver::Identity{.user = user,
                           .user_id = population_.user_id(user),
                           .streams = publishes() ? population_.streams_per_user() : 0}));
    receivers_.back()->open(remote_, population_.local_address(number));
  }

  asio::awaitable<void> open_publishers() {
    phase_ = "connecting";
    const auto remote = resolve(loop_, publish_plan_->url);
    for (std::uint32_t number = 0; number < options_.connections; ++number) {
      publishers_.push_back(make_publisher(loop_, *publish_plan_, codec_, *this,
                                           population_.streams_of(number), number,
                                           options_.window));
      publishers_.back()->connect(remote);
    }
    const auto deadline = Clock::now() + open_deadline;
    while (publishers_ready_ < options_.connections && !result_.interrupted) {
      co_await changed_before(deadline);
      if (!first_end_.empty())
        throw Unreachable{fmt::format("publishing connection: {}", first_end_)};
      if (Clock::now() >= deadline)
        throw Unreachable{fmt::format("{} of {} publishing connections stand after {} s",
                                      publishers_ready_, options_.connections,
                                      open_deadline.count())};
    }
  }

  void start_publishing() {
    publishing_ = true;
    if (options_.rate > 0) return pacer_.start(now_ns());
    if (options_.lockstep) return offer_closed(*publishers_.front());
    for (std::uint32_t round = 0; round < options_.window; ++round)
      for (auto& publisher : publishers_)
        offer_closed(*publisher);
  }

  bool offer(std::uint64_t number, std::int64_t due_ns) {
    if (!publishing_) return false;
    ++offered_;
    publishers_[number % publishers_.size()]->offer(due_ns);
    if (options_.events == 0 || offered_ < options_.events) return true;
    stop_publishing();
    return false;
  }

  void offer_closed(PublishQueue& publisher) {
    if (!publishing_) return;
    ++offered_;
    if (options_.events > 0 && offered_ >= options_.events) stop_publishing();
    publisher.offer(now_ns());
  }

  void step() {
    if (publishing_ && result_.acknowledged + result_.refused == offered_ && all_delivered())
      offer_closed(*publishers_[offered_ % publishers_.size()]);
  }

  void stop_publishing() {
    if (!std::exchange(publishing_, false)) return;
    pacer_.stop();
    changed_.cancel();
  }

  // Waits for what is on its way.
  asio::awaitable<void> drain() {
    phase_ = "draining";
    const auto deadline = Clock::now() + options_.drain;
    draining_ = true;
    while (!drained() && Clock::now() < deadline && !result_.interrupted)
      co_await changed_before(deadline);
    if (!result_.interrupted) {
      const auto end = Clock::now() + linger;
      while (Clock::now() < end)
        co_await changed_before(end);
    }
  }

  [[nodiscard]] bool drained() const {
    const bool busy = std::any_of(publishers_.begin(), publishers_.end(),
                                  [](const auto& publisher) { return publisher->busy(); });
    return !busy && all_delivered();
  }
  [[nodiscard]] bool all_delivered() const {
    return result_.delivered >= result_.acknowledged * receivers_per_user();
  }
  [[nodiscard]] std::uint64_t receivers_per_user() const {
    return subscribes() ? options_.receivers : 0;
  }

  // What connections say.
  void receiver_ready(Receiver& receiver) override {
    ++result_.connected;
    result_.connect_ns.add(now_ns() - receiver.opened_ns());
    changed_.cancel();
  }
  void receiver_ended(Receiver& receiver, const std::string& why) override {
    if (receiver.ready()) ++result_.connections_lost;
    ended(why);
  }
  void publisher_ready() override {
    ++publishers_ready_;
    changed_.cancel();
  }
  void publisher_ended(const std::string& why) override { ended(why); }
  void ended(const std::string& why) {
    if (first_end_.empty()) first_end_ = why;
    changed_.cancel();
  }

  void delivered(const Stamp& stamp, std::int64_t at_ns) override {
    recorder_.delivered(stamp.intended_ns, at_ns);
    if (draining_ && all_delivered()) changed_.cancel();
    if (options_.lockstep) step();
  }

  void answered(const Stamp& stamp, unsigned status) override {
    if (status >= 200 && status <= 299) {
      recorder_.acknowledged(stamp.intended_ns, loop_.read_at_ns, !subscribes());
    } else {
      if (result_.refused++ == 0) result_.first_refusal = status;
    }
    if (draining_) changed_.cancel();
    if (options_.rate > 0 || !publishing_) return;
    if (options_.lockstep) return step();
    offer_closed(*publishers_[population_.connection_of(stamp.user, stamp.stream)]);
  }

  // Figures.
  void read_server(ProcessStats& into) {
    if (options_.pids.empty()) return;
    try {
      into = read_process_stats(options_.pids);
    } catch (const std::runtime_error& error) {
      if (began_ns_ == 0) throw std::invalid_argument{error.what()};
      throw Unreachable{fmt::format("the server ended during the run ({})", error.what())};
    }
  }

  void open_window() {
    read_server(window_server_);
    window_own_cpu_s_ = own_cpu_s();
    window_own_wait_s_ = own_wait_s();
    recorder_.open_window(now_ns());
  }

  void close_window() {
    recorder_.close_window(now_ns());
    result_.window_s = recorder_.window_s();
    result_.own.cpu = (own_cpu_s() - window_own_cpu_s_) / result_.window_s;
    result_.own.wait = (own_wait_s() - window_own_wait_s_) / result_.window_s;
    result_.published_per_s =
        static_cast<double>(recorder_.window_acknowledged()) / result_.window_s;
    result_.delivered_per_s = static_cast<double>(recorder_.window_delivered()) / result_.window_s;
    if (options_.pids.empty()) return;
    ProcessStats now;
    read_server(now);
    ServerFigures server;
    server.cpu_s = now.cpu_s - window_server_.cpu_s;
    if (server.cpu_s > 0) {
      server.deliveries_per_cpu_s =
          static_cast<double>(recorder_.window_delivered()) / server.cpu_s;
      server.publishes_per_cpu_s =
          static_cast<double>(recorder_.window_acknowledged()) / server.cpu_s;
    }
    server.bytes_before = before_.resident_bytes;
    server.bytes_connected = connected_.resident_bytes;
    server.bytes_max = std::max(server_bytes_max_, now.resident_bytes);
    if (result_.connected > 0)
      server.bytes_per_connection = (static_cast<double>(connected_.anonymous_bytes) -
                                     static_cast<double>(before_.anonymous_bytes)) /
                                    static_cast<double>(result_.connected);
    result_.server = server;
  }

  void tick() {
    if (began_ns_ > 0 && now_ns() - last_sample_ns_ >= sample_ns()) take_sample();
    watch_(progress());
    ticker_.expires_after(100ms);
    ticker_.async_wait([this](const boost::system::error_code& error) {
      if (!error) tick();
    });
  }

  // Some hundred samples a run at most, some at least.
  [[nodiscard]] std::int64_t sample_ns() const {
    const auto whole = std::chrono::nanoseconds{options_.warmup + options_.duration}.count();
    return std::clamp<std::int64_t>(whole / 60, 100'000'000, 1'000'000'000);
  }

  void take_sample() {
    const auto now = now_ns();
    const double seconds = static_cast<double>(now - last_sample_ns_) / 1e9;
    ProcessStats server = last_server_;
    try {
      read_server(server);
    } catch (const Unreachable&) {  // the end of the window tells
    }
    const double own = own_cpu_s();
    const auto per_second = [seconds](std::uint64_t now_count, std::uint64_t& last) {
      return static_cast<double>(now_count - std::exchange(last, now_count)) / seconds;
    };
    result_.samples.push_back(
        {.at_s = static_cast<double>(now - began_ns_) / 1e9,
         .published_per_s = per_second(result_.acknowledged, last_acknowledged_),
         .delivered_per_s = per_second(result_.delivered, last_delivered_),
         .p50_ms = recorder_.interval().at(0.5) / 1e6,
         .p99_ms = recorder_.interval().at(0.99) / 1e6,
         .server_cpu = (server.cpu_s - last_server_.cpu_s) / seconds,
         .own_cpu = (own - last_own_cpu_s_) / seconds,
         .server_bytes = server.resident_bytes});
    recorder_.interval().clear();
    server_bytes_max_ = std::max(server_bytes_max_, server.resident_bytes);
    last_sample_ns_ = now;
    last_server_ = server;
    last_own_cpu_s_ = own;
  }

  [[nodiscard]] Progress progress() const {
    Progress progress{.phase = phase_,
                      .connected = result_.connected,
                      .connections = subscribes() ? population_.receivers() : 0};
    if (!result_.samples.empty()) progress.last = result_.samples.back();
    if (began_ns_ == 0) {
      if (progress.connections > 0)
        progress.done =
            static_cast<double>(progress.connected) / static_cast<double>(progress.connections);
    } else if (draining_) {
      progress.done = 1.0;
    } else {
      const auto whole = std::chrono::nanoseconds{options_.warmup + options_.duration}.count();
      progress.done = static_cast<double>(now_ns() - began_ns_) / static_cast<double>(whole);
      if (options_.events > 0)
        progress.done = std::max(
            progress.done, static_cast<double>(offered_) / static_cast<double>(options_.events));
    }
    progress.done = std::clamp(progress.done, 0.0, 1.0);
    return progress;
  }

  void finish() {
    for (auto& publisher : publishers_) {
      result_.not_sent += publisher->drop_waiting();
      publisher->give_up();
    }
    std::vector<Stream> streams;
    for (const auto& publisher : publishers_)
      streams.insert(streams.end(), publisher->streams().begin(), publisher->streams().end());
    for (const auto& stream : streams) {
      result_.sent += stream.sent;
      result_.unanswered += stream.unanswered.size();
    }
    result_.first_end = first_end_;
    result_.expected = result_.acknowledged * receivers_per_user();
    result_.faults = find_faults(receivers_, streams);
    result_.own.late_sends = pacer_.late();
    result_.own.late_max_ms = static_cast<double>(pacer_.late_max_ns()) / 1e6;
    result_.own.bottleneck = find_bottleneck(result_.own, pacer_.offered());
  }

  const Options& options_;
  const std::function<void(const Progress&)>& watch_;
  Loop loop_;  // before all that runs on it
  Population population_;
  StampCodec codec_;
  std::optional<SubscribePlan> subscribe_plan_;
  std::optional<PublishPlan> publish_plan_;
  tcp::endpoint remote_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
  std::vector<std::unique_ptr<PublishQueue>> publishers_;
  asio::steady_timer changed_;  // cancelled when something has changed
  asio::steady_timer ticker_;
  asio::signal_set signals_;
  Pacer pacer_;
  Result result_;
  Recorder recorder_{result_};
  std::exception_ptr failure_;

  const char* phase_ = "";
  std::string first_end_;
  std::uint32_t publishers_ready_ = 0;
  std::uint64_t offered_ = 0;
  bool publishing_ = false;
  bool draining_ = false;
  std::int64_t began_ns_ = 0;
  ProcessStats before_;
  ProcessStats connected_;
  ProcessStats window_server_;
  ProcessStats last_server_;
  double window_own_cpu_s_ = 0.0;
  double window_own_wait_s_ = 0.0;
  double last_own_cpu_s_ = 0.0;
  std::int64_t last_sample_ns_ = 0;
  std::uint64_t last_acknowledged_ = 0;
  std::uint64_t last_delivered_ = 0;
  std::uint64_t server_bytes_max_ = 0;
};

}  // namespace

Result run_load(const Options& options, const std::function<void(const Progress&)>& watch) {
  return LoadRun{options, watch}.run();
}

}  // namespace carillon::loadgen
