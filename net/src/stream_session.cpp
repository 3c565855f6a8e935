#include "net/src/stream_session.hpp"

#include "net/src/lean_wait.hpp"

#include <utility>

namespace carillon::net {

StreamSession::StreamSession(SessionHost& host, tcp::socket socket, FrameFormat format)
    : host_{&host}, format_{format}, backlog_{std::move(socket)}, progress_at_{host.now()} {
}

void StreamSession::subscribe(const engine::UserId& user, engine::Filter filter) {
  auto subscription = host_->broadcaster().subscribe(
      user, shared_from_this(), {.filter = std::move(filter), .shard = host_->shard()});
  // A broadcaster that has stopped says so at once.
  if (!is_over()) subscription_ = std::move(subscription);
}

void StreamSession::set_filter(engine::Filter filter) {
  filter_ =
      filter.matches_everything() ? nullptr : std::make_unique<engine::Filter>(std::move(filter));
}

std::string StreamSession::cursor_text() const {
  return engine::to_string(engine::Cursor{host_->broadcaster().epoch(), position_});
}

void StreamSession::on_start(const engine::Position& at) noexcept {
  if (state_ != State::starting) return;
  position_ = at;
  state_ = State::open;
  host_->mark_dirty(*this);  // what flush() held back
  host_->schedule_flush();
  welcome();
  if (host_->draining()) drain();
}

void StreamSession::on_events(const engine::DeliveryBatch& batch) noexcept {
  if (state_ != State::open) return;
  FrameEncoder& encoder = host_->begin_batch(batch);
  std::uint64_t frames = 0;
  for (const engine::Delivery& delivery : batch.deliveries) {
    if (passes(*delivery.event)) {
      // Everybody's borrowed bytes leave before the encoder forgets them.
      if (encoder.full()) host_->flush();
      if (state_ != State::open) return;
      if (!queue_event(encoder.encode(format_, delivery))) {
        if (state_ == State::open) say_farewell(Farewell::too_slow);
        break;
      }
      ++frames;
    }
    position_ = delivery.position;
  }
  if (state_ != State::closed) host_->count_frames(frames);
}

void StreamSession::on_end(engine::EndReason reason) noexcept {
  if (reason == engine::EndReason::stopped) close(CloseReason::stopped);
}

bool StreamSession::passes(const engine::Event& event) const {
  return filter_ == nullptr || filter_->matches(event.view(), event.initial_status());
}

// False if the frame does not fit, or if the connection ended meanwhile.
bool StreamSession::queue_event(const SharedBytes& frame) {
  const std::size_t bytes_max = host_->options().session_backlog_bytes_max;
  const auto fits = [&] {
    return nothing_queued() || backlog_.bytes() + frame.size() <= bytes_max;
  };
  if (!fits()) {
    // The burst of one turn may exceed the bound without the client being slow:
    // what is queued has not been offered to the socket yet.
    flush();
    if (state_ != State::open || !fits()) return false;
  }
  const std::size_t before = backlog_.bytes();
  backlog_.lend(frame);
  host_->count_queued(before, backlog_.bytes());
  host_->mark_dirty(*this);
  return true;
}

bool StreamSession::say(std::string_view whole_frames) {
  if (state_ == State::closing || is_over()) return false;
  queue(whole_frames);
  return true;
}

void StreamSession::queue(std::string_view whole_frames) {
  if (is_over()) return;
  const std::size_t before = backlog_.bytes();
  backlog_.append(whole_frames);
  host_->count_queued(before, backlog_.bytes());
  host_->mark_dirty(*this);
  host_->schedule_flush();

  // What the client itself asks for (pongs, answers) is bounded as well, one
  // event further up, so that it never competes with the events.
  const ServerOptions& options = host_->options();
  if (state_ == State::open &&
      backlog_.bytes() > options.session_backlog_bytes_max + options.event_bytes_max)
    say_farewell(Farewell::too_slow);
}

bool StreamSession::take_dirty_mark() noexcept {
  return std::exchange(dirty_, false);
}
bool StreamSession::set_dirty_mark() noexcept {
  return !std::exchange(dirty_, true);
}

void StreamSession::flush() noexcept {
  // An answer that says "subscribed" leaves when that is true: what is published
  // after a client has read its 101 must reach it.
  if (state_ == State::starting) return;
  if (is_over() || waiting_until_writable_) return;
  const std::size_t before = backlog_.bytes();
  const auto outcome = backlog_.write();
  const std::size_t after = backlog_.bytes();
  host_->count_queued(before, after);
  host_->count_written(before - after);
  const bool was_blocked =
      std::exchange(blocked_, outcome == SessionBacklog::WriteOutcome::blocked);
  if (after < before || !was_blocked) progress_at_ = host_->now();

  switch (outcome) {
    case SessionBacklog::WriteOutcome::drained:
      return closing_progressed();
    case SessionBacklog::WriteOutcome::blocked:
      return wait_until_writable();
    case SessionBacklog::WriteOutcome::failed:
      return lose_connection(CloseReason::vanished);
  }
}

void StreamSession::wait_until_writable() {
  waiting_until_writable_ = true;
  socket().async_wait(tcp::socket::wait_write, [self = shared_from_this()](error_code error) {
    self->waiting_until_writable_ = false;
    if (error) self->lose_connection(CloseReason::vanished);
    if (self->is_over()) return;
    self->host_->refresh_now();
    self->flush();
  });
}

void StreamSession::tick(StreamClock::time_point now) noexcept {
  if (is_over()) return;
  const ServerOptions& options = host_->options();
  if (blocked_) {
    if (now - progress_at_ > options.write_timeout) lose_connection(CloseReason::write_timeout);
  } else if (state_ == State::closing) {
    if (now - progress_at_ > options.close_timeout) close(closing_reason_);
  } else if (state_ == State::open) {
    tick_open(now);
  }
}

void StreamSession::drain() noexcept {
  // One that is still starting says goodbye in on_start, when it has a cursor.
  if (state_ == State::open) say_farewell(Farewell::draining);
}

void StreamSession::begin_closing(CloseReason reason) noexcept {
  if (state_ == State::closing || is_over()) return;
  state_ = State::closing;
  closing_reason_ = reason;
  if (!blocked_) progress_at_ = host_->now();
  const engine::Subscription cancelled = std::move(subscription_);
  // The flush that follows finds out whether anything is left to write.
  host_->mark_dirty(*this);
  host_->schedule_flush();
}

void StreamSession::closing_progressed() noexcept {
  if (state_ != State::closing || lingering_ || !nothing_queued() || !finished()) return;
  lingering_ = true;
  progress_at_ = host_->now();
  // The socket is not closed at once: with bytes of the client unread, that
  // would reset the connection and could take our last words with it.
  error_code ignored;
  socket().shutdown(tcp::socket::shutdown_send, ignored);
  discard_input();
}

void StreamSession::discard_input() {
  if (std::exchange(discarding_input_, true)) return;
  wait_until_readable(socket(),
                      [self = shared_from_this()](error_code error) { self->on_input(error); });
}

void StreamSession::on_input(error_code error) {
  discarding_input_ = false;
  if (is_over()) return;
  // A few reads, then the other sessions' turn.
  for (int reads = 0; reads < 4 && !error; ++reads) {
    const auto scratch = host_->scratch();
    socket().read_some(asio::buffer(scratch.data(), scratch.size()), error);
  }
  if (!error || error == asio::error::would_block || error == asio::error::try_again)
    return discard_input();
  lose_connection(error == asio::error::eof ? CloseReason::client : CloseReason::vanished);
}

void StreamSession::lose_connection(CloseReason reason) noexcept {
  if (is_over()) return;
  const auto reason_of_close = state_ == State::closing ? closing_reason_ : reason;
  state_ = State::lost;
  host_->close_soon(*this, reason_of_close);
}

void StreamSession::close(CloseReason reason) noexcept {
  if (state_ == State::closed) return;
  const auto self = shared_from_this();  // the registry may hold the last one
  state_ = State::closed;
  const engine::Subscription cancelled = std::move(subscription_);
  const SessionShare given_back = std::move(share_);
  host_->count_queued(backlog_.bytes(), 0);
  backlog_.discard();
  forget_input();
  error_code ignored;
  socket().close(ignored);
  pass_.release();
  std::exchange(host_, nullptr)->remove(*this, reason);
}

}  // namespace carillon::net
