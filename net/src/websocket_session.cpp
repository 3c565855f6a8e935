#include "net/src/websocket_session.hpp"

#include "net/src/websocket_handshake.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace carillon::net {
namespace {

using namespace std::string_view_literals;

constexpr auto ping_frame = "\x89\0"sv;
constexpr std::uint8_t pings_unanswered_max = 2;
// How a growing message is read: in steps, so that a header which announces much
// costs nothing until the bytes come.
constexpr std::size_t read_step_bytes_min = 1'536;

bool is_close_frame(std::string_view frame) {
  return !frame.empty() && (static_cast<unsigned char>(frame.front()) & 0x0FU) == 0x8U;
}

CloseReason reason_of(error_code error) {
  if (error == websocket::error::closed) return CloseReason::client;
  if (error == websocket::error::message_too_big) return CloseReason::too_big;
  if (error == websocket::error::bad_frame_payload) return CloseReason::not_utf8;
  return CloseReason::protocol;
}

}  // namespace

BacklogStream::executor_type BacklogStream::get_executor() noexcept {
  return session_->socket().get_executor();
}
tcp::socket& BacklogStream::socket() noexcept {
  return session_->socket();
}
error_code BacklogStream::write(std::string_view frame) {
  return session_->write_from_beast(frame);
}
std::size_t BacklogStream::take_early(std::span<char> target) noexcept {
  return session_->take_early(target);
}
void BacklogStream::note_read() noexcept {
  ++session_->reads_;
}
void BacklogStream::close_socket() noexcept {
  session_->close(CloseReason::vanished);
}

WebSocketSession::WebSocketSession(SessionHost& host, tcp::socket socket, bool v1)
    : StreamSession{host, std::move(socket),
                    v1 ? FrameFormat::websocket_v1 : FrameFormat::websocket_plain},
      stream_{*this},
      v1_{v1} {
}

void WebSocketSession::start(StreamRequest request) {
  if (const auto refusal = refuse_upgrade(request.request)) {
    std::string answer;
    append_response(answer, *refusal, {.close = true}, "Server: " + host().server_name() + "\r\n");
    queue(answer);
    beast_finished_ = true;
    return begin_closing(CloseReason::handshake);
  }
  user_ = request.user;
  service_ = request.service;
  if (!request.early_bytes.empty())
    early_bytes_ = std::make_unique<std::string>(std::move(request.early_bytes));

  stream_.read_message_max(host().options().websocket_message_bytes_max);
  stream_.write_buffer_bytes(8);  // the least that Beast takes; a server never uses it
  stream_.set_option(websocket::stream_base::decorator([this](websocket::response_type& response) {
    response.set(http::field::server, host().server_name());
    if (v1_)
      response.set(http::field::sec_websocket_protocol,
                   beast::string_view{carillon_v1.data(), carillon_v1.size()});
  }));
  const auto upgrade = std::move(request.request);
  request.request = {};
  starting_ = std::make_unique<StreamRequest>(std::move(request));
  stream_.async_accept(upgrade,
                       [self = shared_from_this(), this](error_code error) { on_accept(error); });
}

void WebSocketSession::on_accept(error_code error) {
  if (error) return close(CloseReason::vanished);
  if (state() == State::closed) return;
  accepted_ = true;
  const auto request = std::exchange(starting_, nullptr);
  if (v1_) {
    // Its filter may change at any time, so the session filters itself: then a
    // change has its exact place between two events (0001, "Filters").
    set_filter(std::move(request->filter));
    request->filter = {};
  }
  subscribe(user_, std::move(request->filter));
}

void WebSocketSession::welcome() {
  pinged_at_ = host().now();
  if (v1_)
    say_message("welcome", welcome_members(cursor_text(), engine::make_uuid_v4(),
                                           host().broadcaster().epoch()));
  read_more();
}

void WebSocketSession::read_more() {
  // The first bytes go into the string's own room, so that a session that waits
  // for a message holds no buffer.
  const std::size_t step = message_bytes_ == 0
                               ? message_.capacity()
                               : std::min(stream_.read_size_hint(read_step_bytes_min),
                                          std::max(read_step_bytes_min, message_bytes_));
  message_.resize(message_bytes_ + step);
  stream_.async_read_some(asio::buffer(message_.data() + message_bytes_, step),
                          [self = shared_from_this(), this](error_code error, std::size_t bytes) {
                            on_read(error, bytes);
                          });
}

void WebSocketSession::on_read(error_code error, std::size_t bytes) {
  if (error) return on_read_error(error);
  if (state() != State::open) return;  // whoever began the closing reads on
  message_bytes_ += bytes;
  if (stream_.is_message_done()) {
    message_.resize(message_bytes_);
    on_message();
    if (state() == State::closed) return;
    message_bytes_ = 0;
    std::string{}.swap(message_);
  }
  if (state() == State::open) read_more();
}

void WebSocketSession::on_read_error(error_code error) {
  if (state() == State::closed) return;
  if (closed_by_beast_) {
    // Its close frame is queued, and began the closing; now the reason is known.
    set_closing_reason(reason_of(error));
    return on_beast_finished();
  }
  // A closing handshake of ours has taken over the reading; it will report.
  if (error == asio::error::operation_aborted) return;
  lose_connection(CloseReason::vanished);
}

void WebSocketSession::start_closing(websocket::close_code code,
                                     std::string_view text,
                                     CloseReason reason) {
  begin_closing(reason);
  stream_.async_close({code, beast::string_view{text.data(), text.size()}},
                      [self = shared_from_this(), this](error_code) {
                        // With an error too nothing is left but to finish.
                        if (state() != State::closed) on_beast_finished();
                      });
}

void WebSocketSession::on_beast_finished() {
  beast_finished_ = true;
  closing_progressed();
}

void WebSocketSession::say_farewell(Farewell farewell) {
  const bool too_slow = farewell == Farewell::too_slow;
  // What is in flight is answered first; the drain's deadline bounds the wait.
  farewell_due_ = !too_slow && publishes_in_flight_ > 0;
  if (farewell_due_) return;
  const CloseReason reason = too_slow ? CloseReason::too_slow : CloseReason::draining;
  const std::string cursor = cursor_text();
  begin_closing(reason);
  if (v1_)
    queue(message_frame("goodbye",
                        goodbye_members(to_string(reason), cursor, host().options().sse_retry)));
  start_closing(
      too_slow ? websocket::close_code::try_again_later : websocket::close_code::going_away, cursor,
      reason);
}

void WebSocketSession::tick_open(StreamClock::time_point now) {
  if (now - pinged_at_ < host().options().ping_interval) return;
  pinged_at_ = now;
  // Any bytes since the last ping show that somebody is there.
  if (reads_ != reads_at_ping_) pings_unanswered_ = 0;
  if (pings_unanswered_ == pings_unanswered_max)
    return start_closing(websocket::close_code::policy_error, "two pings were not answered",
                         CloseReason::ping_timeout);
  reads_at_ping_ = reads_;
  ++pings_unanswered_;
  say(ping_frame);
}

error_code WebSocketSession::write_from_beast(std::string_view frame) {
  if (state() == State::closed) return asio::error::operation_aborted;
  // Behind a close frame no event may follow.
  if (accepted_ && state() == State::open && is_close_frame(frame)) {
    closed_by_beast_ = true;
    begin_closing(CloseReason::client);
  }
  queue(frame);
  return {};
}

std::size_t WebSocketSession::take_early(std::span<char> target) noexcept {
  if (early_bytes_ == nullptr) return 0;
  const std::size_t bytes = std::min(target.size(), early_bytes_->size());
  std::memcpy(target.data(), early_bytes_->data(), bytes);
  early_bytes_->erase(0, bytes);
  if (early_bytes_->empty()) early_bytes_.reset();
  return bytes;
}

}  // namespace carillon::net
