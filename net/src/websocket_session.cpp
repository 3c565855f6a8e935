#include "net/src/websocket_session.hpp"

#include "net/src/lean_wait.hpp"
#include "net/src/websocket_handshake.hpp"

#include <utility>

namespace carillon::net {
namespace {

using namespace std::string_view_literals;

constexpr auto ping_frame = "\x89\0"sv;
constexpr std::uint8_t pings_unanswered_max = 2;
// Reads of one client before the others' turn.
constexpr int reads_max = 4;

CloseReason reason_of(CloseCode fault) {
  if (fault == CloseCode::too_big) return CloseReason::too_big;
  if (fault == CloseCode::bad_payload) return CloseReason::not_utf8;
  return CloseReason::protocol;
}

bool is_not_now(error_code error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

WebSocketSession::WebSocketSession(SessionHost& host, tcp::socket socket, bool v1)
    : StreamSession{host, std::move(socket),
                    v1 ? FrameFormat::websocket_v1 : FrameFormat::websocket_plain},
      v1_{v1} {
}

void WebSocketSession::start(StreamRequest request) {
  user_ = request.user;
  service_ = request.service;
  if (!request.early_bytes.empty())
    kept_ = std::make_unique<std::string>(std::move(request.early_bytes));
  count_receiving();

  queue(accept_upgrade(request.request, host().server_name(), v1_, socket().get_executor()));
  if (v1_) {
    // Its filter may change at any time, so the session filters itself: then a
    // change has its exact place between two events (0001, "Filters").
    set_filter(std::move(request.filter));
    request.filter = {};
  }
  subscribe(user_, std::move(request.filter));
}

void WebSocketSession::welcome() {
  pinged_at_ = host().now();
  if (v1_)
    say_message("welcome", welcome_members(cursor_text(), engine::make_uuid_v4(),
                                           host().broadcaster().epoch()));
  if (kept_ == nullptr) return read_on();
  take_kept_soon();
}

/// Posted: what the client says must not act within the engine's turn, nor before all
/// acks that came together are counted.
void WebSocketSession::take_kept_soon() {
  input_ = Input::kept;
  asio::post(host().context(), [self = shared_from_this(), this] {
    if (finished_ || is_over()) return;
    host().refresh_now();
    if (const auto kept = std::exchange(kept_, nullptr)) on_bytes(*kept);
    count_receiving();
    read_on();
    say_due_farewell();
  });
}

void WebSocketSession::read_on() {
  if (finished_ || is_over()) return;
  input_ = has_full_pipeline() ? Input::held : Input::socket;
  if (input_ == Input::held) return;
  wait_until_readable(socket(),
                      [self = std::static_pointer_cast<WebSocketSession>(shared_from_this())](
                          error_code error) { self->on_readable(error); });
}

void WebSocketSession::on_readable(error_code error) {
  if (finished_ || is_over()) return;
  if (error) return lose_connection(CloseReason::vanished);
  for (int reads = 0; reads < reads_max; ++reads) {
    const auto scratch = host().scratch();
    const std::size_t bytes =
        socket().read_some(asio::buffer(scratch.data(), scratch.size()), error);
    if (is_not_now(error)) break;
    if (error == asio::error::eof) return on_end_of_stream();
    if (error) return lose_connection(CloseReason::vanished);
    heard_since_ping_ = true;
    on_bytes(scratch.first(bytes));
    count_receiving();
    if (finished_ || is_over()) return;
    if (bytes < scratch.size() || has_full_pipeline()) break;
  }
  read_on();
}

void WebSocketSession::on_end_of_stream() {
  // Without a closing handshake the connection is lost; within one, what is
  // queued may still reach the client.
  if (state() != State::closing) return lose_connection(CloseReason::vanished);
  finish();
}

void WebSocketSession::on_bytes(std::span<char> bytes) {
  if (reader_ == nullptr)
    reader_ = std::make_unique<FrameReader>(host().options().websocket_message_bytes_max);
  while (!finished_ && !is_over() && !has_full_pipeline()) {
    const FrameStep step = reader_->feed(bytes);
    if (step == FrameStep::needs_more) break;
    on_step(step, *reader_);
  }
  if (finished_ || reader_->is_idle()) reader_.reset();
  if (has_full_pipeline() && !bytes.empty())
    kept_ = std::make_unique<std::string>(bytes.begin(), bytes.end());
}

void WebSocketSession::count_receiving() {
  const std::size_t now =
      (reader_ != nullptr ? reader_->fit() : 0) + (kept_ != nullptr ? kept_->size() : 0);
  if (now == receiving_bytes_) return;
  const auto before = std::exchange(receiving_bytes_, static_cast<std::uint32_t>(now));
  if (host().admission().hold_receiving(before, now)) return;
  if (kept_ != nullptr) return;  // it is us who hold it back, and one read at most
  host().admission().count(Rejection::receiving_bytes);
  if (state() == State::open) say_goodbye(CloseCode::try_again_later, CloseReason::overloaded);
  finish();
  reader_.reset();
  count_receiving();
}

void WebSocketSession::forget_input() noexcept {
  static_cast<void>(host().admission().hold_receiving(std::exchange(receiving_bytes_, 0U), 0));
}

void WebSocketSession::on_step(FrameStep step, FrameReader& reader) {
  // Once our close frame is queued, the client's is all that counts.
  const bool is_open = state() == State::open;
  switch (step) {
    case FrameStep::message:
      if (is_open) on_message(reader.message(), reader.is_text());
      return;
    case FrameStep::ping:
      if (is_open) queue(pong_frame(reader.control_payload()));
      return;
    case FrameStep::close:
      return is_open ? refuse(reader.close_code(), {}, CloseReason::client) : finish();
    case FrameStep::fault:
      return is_open
                 ? refuse(reader.fault_code(), reader.fault_text(), reason_of(reader.fault_code()))
                 : finish();
    case FrameStep::pong:
    case FrameStep::needs_more:
      return;
  }
}

void WebSocketSession::start_closing(CloseCode code, std::string_view text, CloseReason reason) {
  begin_closing(reason);
  queue(close_frame(code, text));
  // What is kept counts no more, nor what lies behind it.
  if (input_ != Input::socket) finish();
}

void WebSocketSession::refuse(CloseCode code, std::string_view text, CloseReason reason) {
  start_closing(code, text, reason);
  finish();
}

void WebSocketSession::finish() {
  finished_ = true;
  kept_.reset();
  closing_progressed();
}

void WebSocketSession::say_farewell(Farewell farewell) {
  const bool too_slow = farewell == Farewell::too_slow;
  // What was read is answered first; the drain's deadline bounds the wait.
  farewell_due_ = !too_slow && (publishes_in_flight_ > 0 || input_ != Input::socket);
  if (farewell_due_) return;
  if (too_slow) return say_goodbye(CloseCode::try_again_later, CloseReason::too_slow);
  say_goodbye(CloseCode::going_away, CloseReason::draining);
}

void WebSocketSession::say_due_farewell() {
  if (farewell_due_ && state() == State::open && publishes_in_flight_ == 0 &&
      input_ == Input::socket)
    say_farewell(Farewell::draining);
}

void WebSocketSession::say_goodbye(CloseCode code, CloseReason reason) {
  const std::string cursor = cursor_text();
  begin_closing(reason);
  if (v1_)
    queue(message_frame("goodbye",
                        goodbye_members(to_string(reason), cursor, host().options().sse_retry)));
  start_closing(code, cursor, reason);
}

void WebSocketSession::tick_open(StreamClock::time_point now) {
  if (now - pinged_at_ < host().options().ping_interval) return;
  pinged_at_ = now;
  if (input_ != Input::socket) {
    // A pong would lie behind what we do not read: nobody can be blamed for it.
    pings_unanswered_ = 0;
    return;
  }
  if (std::exchange(heard_since_ping_, false)) pings_unanswered_ = 0;
  if (pings_unanswered_ == pings_unanswered_max)
    return start_closing(CloseCode::policy_error, "two pings were not answered",
                         CloseReason::ping_timeout);
  ++pings_unanswered_;
  say(ping_frame);
}

}  // namespace carillon::net
