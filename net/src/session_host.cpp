#include "net/src/session_host.hpp"

#include "net/src/assert.hpp"
#include "net/src/publish_acks.hpp"
#include "net/src/stream_session.hpp"

#include <algorithm>
#include <utility>

namespace carillon::net {
namespace {

using std::chrono::milliseconds;

// A quarter of the shortest deadline, so that none is late by more than that.
milliseconds tick_period_for(const ServerOptions& options) {
  const milliseconds shortest =
      std::min({options.write_timeout, options.keepalive_interval, options.ping_interval,
                options.close_timeout, options.drain_timeout});
  return std::clamp(shortest / 4, milliseconds{5}, milliseconds{1'000});
}

}  // namespace

SessionHost::SessionHost(asio::io_context& context,
                         engine::Broadcaster& broadcaster,
                         const ServerOptions& options,
                         engine::ShardIndex shard,
                         std::shared_ptr<Admission> admission)
    : context_{context},
      broadcaster_{broadcaster},
      options_{options},
      shard_{shard},
      admission_{std::move(admission)},
      tick_period_{tick_period_for(options)},
      timer_{context},
      flush_timer_{context},
      now_{StreamClock::now()},
      pacer_{options.flush_pause_max},
      encoder_{broadcaster.epoch()},
      acks_{std::make_shared<PublishAcks>(context)} {
}

SessionHost::~SessionHost() = default;

engine::EventParser& SessionHost::event_parser() {
  if (parser_ == nullptr)
    parser_ = std::make_unique<engine::EventParser>(broadcaster_.pool(), broadcaster_.system_id());
  return *parser_;
}

std::string SessionHost::server_name() const {
  return options_.version.empty() ? "carillon" : "carillon/" + options_.version;
}

void SessionHost::add(std::shared_ptr<StreamSession> session) {
  session->set_index(sessions_.size());
  sessions_.push_back(std::move(session));
  open_.add(1);
  opened_.add(1);
  arm_timer();
}

void SessionHost::remove(StreamSession& session, CloseReason reason) noexcept {
  const std::size_t index = session.index();
  CARILLON_ASSERT(index < sessions_.size() && sessions_[index].get() == &session,
                  "a session is removed once, from its own host");
  std::swap(sessions_[index], sessions_.back());
  sessions_[index]->set_index(index);
  sessions_.pop_back();
  // In this order: who waits until a session is gone may then ask why.
  closed_[static_cast<std::size_t>(reason)].add(1);
  open_.subtract(1);
  if (draining_ && sessions_.empty()) finish_drain();
}

void SessionHost::close_soon(StreamSession& session, CloseReason reason) noexcept {
  lost_.push_back({session.shared_from_this(), reason});
  if (lost_.size() == 1)
    asio::post(context_, [host = shared_from_this()] { host->close_some_lost(); });
}

void SessionHost::close_some_lost() {
  // Some 15 microseconds each, most of it the kernel's.
  constexpr int sessions_max = 16;
  for (int count = 0; count < sessions_max && !lost_.empty(); ++count) {
    const auto lost = std::move(lost_.front());
    lost_.pop_front();
    lost.session->close(lost.reason);
  }
  if (!lost_.empty())
    asio::post(context_, [host = shared_from_this()] { host->close_some_lost(); });
}

FrameEncoder& SessionHost::begin_batch(const engine::DeliveryBatch& batch) {
  CARILLON_ASSERT(batch.shard == shard_,
                  "a session lives on the shard that it named when it subscribed");
  if (!encoder_.in_turn(batch.turn)) {
    encoder_.begin_turn(batch.turn);
  }
  return encoder_;
}

void SessionHost::mark_dirty(StreamSession& session) {
  if (session.set_dirty_mark()) dirty_.push_back(session.shared_from_this());
}

void SessionHost::schedule_flush() {
  if (std::exchange(flush_scheduled_, true)) return;
  asio::post(context_, [host = shared_from_this()] {
    host->flush_scheduled_ = false;
    host->flush_when_due();
  });
}

void SessionHost::flush_when_due() {
  refresh_now();
  if (dirty_.empty() || flush_awaited_) return;
  if (now_ >= pacer_.due()) return flush();
  flush_awaited_ = true;
  flush_timer_.expires_at(pacer_.due());
  flush_timer_.async_wait([host = shared_from_this()](error_code error) {
    host->flush_awaited_ = false;
    if (!error) host->flush();
  });
}

void SessionHost::flush() {
  refresh_now();
  const auto bytes_before = written_bytes_.value();
  // Flushing a session may mark others or itself; they are for the next round.
  std::swap(dirty_, flushing_);
  for (const auto& session : flushing_) {
    static_cast<void>(session->take_dirty_mark());
    session->flush();
  }
  pacer_.flushed({.begun = now_,
                  .ended = StreamClock::now(),
                  .sessions = flushing_.size(),
                  .frames = frames_.value() - frames_before_flush_,
                  .bytes = written_bytes_.value() - bytes_before});
  frames_before_flush_ = frames_.value();
  flushing_.clear();
  // Nothing is borrowed any more: write() copies what the socket did not take.
  encoder_.reset();
}

void SessionHost::arm_timer() {
  if (timer_armed_ || shut_) return;
  timer_armed_ = true;
  timer_.expires_after(tick_period_);
  timer_.async_wait([host = shared_from_this()](error_code error) {
    host->timer_armed_ = false;
    if (!error) host->tick();
  });
}

void SessionHost::tick() {
  refresh_now();
  // Backwards: a session that closes moves the last one, already seen, into its place.
  for (std::size_t index = sessions_.size(); index > 0; --index)
    sessions_[index - 1]->tick(now_);
  if (draining_ && drained_ && now_ >= drain_until_) {
    while (!sessions_.empty())
      sessions_.back()->close(CloseReason::draining);
  }
  if (!sessions_.empty()) arm_timer();
}

void SessionHost::drain(std::function<void()> done) {
  draining_ = true;
  drained_ = std::move(done);
  refresh_now();
  drain_until_ = now_ + options_.drain_timeout;
  if (sessions_.empty()) return finish_drain();
  for (std::size_t index = sessions_.size(); index > 0; --index)
    sessions_[index - 1]->drain();
}

// Posted, so that the owner is not called out of its own call or a session's.
void SessionHost::finish_drain() {
  if (drained_) asio::post(context_, std::exchange(drained_, nullptr));
}

void SessionHost::shut() noexcept {
  shut_ = true;
  drained_ = nullptr;
  while (!sessions_.empty())
    sessions_.back()->close(CloseReason::stopped);
  dirty_.clear();
  lost_.clear();
  timer_.cancel();
  flush_timer_.cancel();
  acks_->shut();
  parser_.reset();  // a posted handler may keep this object longer than the engine lives
}

StreamCounters SessionHost::counters() const noexcept {
  StreamCounters counters;
  counters.sessions = open_.value();
  counters.opened_total = opened_.value();
  counters.frames_total = frames_.value();
  counters.bytes_total = written_bytes_.value();
  counters.backlog_bytes = backlog_bytes_.value();
  for (std::size_t reason = 0; reason < close_reason_count; ++reason)
    counters.closed_total[reason] = closed_[reason].value();
  return counters;
}

}  // namespace carillon::net
