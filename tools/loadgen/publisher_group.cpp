#include "tools/loadgen/publisher_group.hpp"

#include "tools/loadgen/load_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace carillon::loadgen {

namespace asio = boost::asio;

PublisherGroup::PublisherGroup(RunState& state)
    : state_{state},
      pacer_{state.loop, state.options.rate > 0 ? state.options.rate : 1.0,
             [this](std::uint64_t number, std::int64_t due) { return offer(number, due); }} {
  if (state.publishes()) plan_ = plan_publishing(state.options);
}

asio::awaitable<void> PublisherGroup::open() {
  const auto& options = state_.options;
  const auto remote = resolve(state_.loop, plan_.url);
  for (std::uint32_t number = 0; number < options.connections; ++number) {
    publishers_.push_back(make_publisher(state_.loop, plan_, state_.codec, *this,
                                         state_.population.streams_of(number), number,
                                         options.window));
    publishers_.back()->connect(remote);
  }
  const auto deadline = Clock::now() + open_deadline;
  while (ready_ < options.connections && !state_.result.interrupted) {
    co_await state_.changed_before(deadline);
    if (!state_.result.first_end.empty())
      throw Unreachable{fmt::format("publishing connection: {}", state_.result.first_end)};
    if (Clock::now() >= deadline)
      throw Unreachable{fmt::format("{} of {} publishing connections stand after {} s", ready_,
                                    options.connections, open_deadline.count())};
  }
}

void PublisherGroup::publisher_ready() {
  ++ready_;
  state_.notify();
}

void PublisherGroup::publisher_ended(const std::string& why) {
  ++state_.result.publishers_lost;
  if (all_ended()) stop();  // the rest of the run would be a wait for nothing
  state_.connection_ended(why);
}

void PublisherGroup::start() {
  publishing_ = true;
  if (state_.options.rate > 0) return pacer_.start(now_ns());
  if (state_.options.lockstep) return offer_now(*publishers_.front());
  for (std::uint32_t round = 0; round < state_.options.window; ++round)
    for (auto& publisher : publishers_)
      offer_now(*publisher);
}

void PublisherGroup::stop() {
  if (!std::exchange(publishing_, false)) return;
  pacer_.stop();
  state_.notify();
}

bool PublisherGroup::offer(std::uint64_t number, std::int64_t due_ns) {
  if (!publishing_) return false;
  ++offered_;
  publishers_[number % publishers_.size()]->offer(due_ns);
  const auto events = state_.options.events;
  if (events == 0 || offered_ < events) return true;
  stop();
  return false;
}

void PublisherGroup::offer_now(PublishQueue& publisher) {
  if (!publishing_) return;
  ++offered_;
  const auto events = state_.options.events;
  if (events > 0 && offered_ >= events) stop();
  publisher.offer(now_ns());
}

void PublisherGroup::step() {
  const auto& result = state_.result;
  if (publishing_ && result.acknowledged + result.refused == offered_ && state_.all_delivered())
    offer_now(*publishers_[offered_ % publishers_.size()]);
}

void PublisherGroup::answered(const Stamp& stamp, unsigned status) {
  auto& result = state_.result;
  if (status >= 200 && status <= 299) {
    state_.recorder.acknowledged(stamp.intended_ns, state_.loop.read_at_ns, !state_.subscribes());
  } else {
    if (result.refused++ == 0) result.first_refusal = status;
  }
  if (state_.draining) state_.notify();
  if (state_.options.rate > 0 || !publishing_) return;
  if (state_.options.lockstep) return step();
  offer_now(*publishers_[state_.population.connection_of(stamp.user, stamp.stream)]);
}

bool PublisherGroup::busy() const {
  return std::any_of(publishers_.begin(), publishers_.end(),
                     [](const auto& publisher) { return publisher->busy(); });
}

std::vector<Stream> PublisherGroup::finish() {
  auto& result = state_.result;
  std::vector<Stream> streams;
  for (auto& publisher : publishers_) {
    result.not_sent += publisher->drop_waiting();
    publisher->give_up();
    streams.insert(streams.end(), publisher->streams().begin(), publisher->streams().end());
  }
  for (const auto& stream : streams) {
    result.sent += stream.sent;
    result.unanswered += stream.unanswered.size();
  }
  return streams;
}

}  // namespace carillon::loadgen
