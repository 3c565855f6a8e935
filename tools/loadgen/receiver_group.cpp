#include "tools/loadgen/receiver_group.hpp"

#include "tools/loadgen/load_run.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace carillon::loadgen {

namespace asio = boost::asio;
using Seconds = std::chrono::duration<double>;

constexpr std::uint32_t opening_max = 128;  // a listener's backlog holds as many

ReceiverGroup::ReceiverGroup(RunState& state, PublisherGroup& publishers)
    : state_{state},
      publishers_{publishers},
      cut_timer_{state.loop.io},
      random_{state.population.run()} {
  if (state.subscribes()) plan_ = plan_subscribing(state.options);
}

asio::awaitable<void> ReceiverGroup::open() {
  auto& result = state_.result;
  const auto began = now_ns();
  remote_ = resolve(state_.loop, plan_.url);
  const auto count = state_.population.receivers();
  receivers_.reserve(count);
  while (result.connected < count && !result.interrupted) {
    while (receivers_.size() < count && receivers_.size() - result.connected < opening_max)
      open_next();
    const auto before = result.connected;
    co_await state_.changed_before(Clock::now() + open_deadline);
    if (!result.first_end.empty())
      throw Unreachable{
          fmt::format("subscriber {} of {}: {}", result.connected + 1, count, result.first_end)};
    if (result.connected == before && !result.interrupted)
      throw Unreachable{fmt::format("{} of {} subscriptions stand, and none more within {} s",
                                    result.connected, count, open_deadline.count())};
  }
  result.connect_s = static_cast<double>(now_ns() - began) / 1e9;
}

void ReceiverGroup::open_next() {
  const auto& population = state_.population;
  const auto number = static_cast<std::uint32_t>(receivers_.size());
  const auto user = population.user_of_receiver(number);
  receivers_.push_back(std::make_unique<Receiver>(
      state_.loop, plan_, state_.codec, *this,
      Receiver::Identity{.number = number,
                         .user = user,
                         .user_id = population.user_id(user),
                         .streams = state_.publishes() ? population.streams_per_user() : 0}));
  receivers_.back()->open(remote_, population.local_address(number));
}

void ReceiverGroup::receiver_ready(Receiver& receiver) {
  if (receiver.resumes() == 0) {
    ++state_.result.connected;
    state_.result.connect_ns.add(now_ns() - receiver.opened_ns());
  } else {
    ++state_.result.resumed;
    --away_;
  }
  state_.notify();
}

void ReceiverGroup::receiver_ended(Receiver& receiver, const std::string& why) {
  const bool stood = receiver.ready();
  if (plan_.resumes && stood && !receiver.cursor().empty()) return come_back(receiver);
  if (receiver.resumes() > 0 && !stood) --away_;
  if (stood || receiver.resumes() > 0) ++state_.result.connections_lost;
  state_.connection_ended(why);
}

void ReceiverGroup::delivered(const Stamp& stamp, std::int64_t at_ns) {
  state_.recorder.delivered(stamp.intended_ns, at_ns);
  if (state_.draining && state_.all_delivered()) state_.notify();
  publishers_.delivery_came();
}

bool ReceiverGroup::agrees(const Stamp& stamp, std::string_view id, std::uint64_t sequence) {
  return agreement_.take(stamp, id, sequence);
}

void ReceiverGroup::start_cutting() {
  if (state_.options.cut_rate <= 0) return;
  cutting_ = true;
  cut_next();
}

void ReceiverGroup::stop_cutting() {
  cutting_ = false;
  cut_timer_.cancel();
}

void ReceiverGroup::cut_next() {
  std::exponential_distribution<double> pause{state_.options.cut_rate};
  cut_timer_.expires_after(std::chrono::duration_cast<Clock::duration>(Seconds{pause(random_)}));
  cut_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || !cutting_) return;
    std::uniform_int_distribution<std::size_t> any{0, receivers_.size() - 1};
    auto& receiver = *receivers_[any(random_)];
    // One that is away, or has seen nothing to come back to, is left alone.
    if (receiver.ready() && !receiver.closed() && !receiver.cursor().empty()) {
      ++state_.result.cuts;
      receiver.close();
      come_back(receiver);
    }
    cut_next();
  });
}

// After a random time, so that there is something to catch up with.
void ReceiverGroup::come_back(Receiver& receiver) {
  ++away_;
  receiver.prepare_resume();
  std::uniform_real_distribution<double> away{0.0, Seconds{state_.options.away}.count()};
  auto timer = std::make_shared<asio::steady_timer>(state_.loop.io);
  timer->expires_after(std::chrono::duration_cast<Clock::duration>(Seconds{away(random_)}));
  timer->async_wait([this, &receiver, timer](const boost::system::error_code& error) {
    if (!error) receiver.open(remote_, state_.population.local_address(receiver.number()));
  });
}

}  // namespace carillon::loadgen
