#include "net/src/assert.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"
#include "net/src/http_connection.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <utility>

// The writing half of HttpConnection, its deadlines and its end.

namespace carillon::net {

void HttpConnection::answer(std::uint32_t number, const ResponseView& response) {
  auto* const slot = queue_.find(number);
  if (state_ != State::open || slot == nullptr || slot->ready) return;
  if (is_draining() && queue_.is_newest(number)) {
    slot->frame.close = true;
    last_ = true;
  }
  if (slot->bytes.empty()) slot->bytes = shard_.spare().take_text();
  append_response(slot->bytes, response, slot->frame, shard_.common_headers());
  slot->ready = true;
  unsent_bytes_ += slot->bytes.size();
  if (held_ == number) held_.reset();
  ++shard_.counters().responses_total[std::min(response.status / 100, 5U)];
}

void HttpConnection::resume() {
  if (state_ == State::closed) return;
  flush();
  flush_lines();
  if (!pending_.empty() && can_parse()) {
    partial_since_ = shard_.tick();  // it was us who held it back
    consume(pending_);
  } else {
    count_receiving();  // lines may have been taken
  }
  settle();
  wait_readable();
}

/// Moves what is ready at the head of the queue into the write buffer.
void HttpConnection::gather() {
  while (auto* const slot = queue_.front()) {
    if (slot->lines) {
      if (!append_results(*slot)) break;
      if (held_ == queue_.front_number()) held_.reset();
      queue_.pop_front();
      continue;
    }
    if (!slot->ready) break;
    unsent_bytes_ -= slot->bytes.size();
    if (out_.empty()) {
      out_.swap(slot->bytes);
    } else {
      out_ += slot->bytes;
      shard_.spare().keep(slot->bytes);
    }
    if (lines_ && lines_->end_slot == queue_.front_number()) lines_.reset();
    queue_.pop_front();
  }
  if (continue_due_ && queue_.empty()) {
    continue_due_ = false;
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  }
}

void HttpConnection::flush() {
  while (state_ == State::open && !writing_) {
    if (out_sent_ == out_.size()) {
      out_sent_ = 0;
      shard_.spare().keep(out_);
      gather();
      if (out_.empty()) return;
      write_since_ = shard_.tick();
    }
    error_code ec;
    const auto sent =
        socket_.write_some(asio::buffer(out_.data() + out_sent_, out_.size() - out_sent_), ec);
    out_sent_ += sent;
    shard_.counters().sent_bytes_total += sent;
    if (sent > 0) write_since_ = shard_.tick();
    if (ec == asio::error::would_block || ec == asio::error::try_again) return wait_writable();
    if (ec) return close(HttpEnd::peer);
  }
}

void HttpConnection::wait_writable() {
  writing_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](error_code ec) {
    self->writing_ = false;
    if (self->state_ == State::closed) return;
    if (ec) return self->close(HttpEnd::peer);
    self->resume();
  });
}

/// Once everything asked is answered and sent: what comes next, if not reading.
void HttpConnection::settle() {
  if (state_ != State::open || writing_ || !queue_.empty() || out_sent_ != out_.size()) return;
  if (stream_) return hand_over();
  if (last_) return linger(HttpEnd::last_response);
  if (end_of_stream_) return close(HttpEnd::peer);
  // With nothing in flight all that is pending is parsed, so more of it lies in the socket.
  if (early_bytes_left_ > pending_.size()) return;
  if (shard_.draining() && !has_partial_request()) return linger(HttpEnd::drained);
}

/// Closes our direction, then reads and drops what still comes until the client's end:
/// bytes that are unread when a socket is closed, or that come later, have it reset, and
/// the client would lose the answers that it has not taken yet.
void HttpConnection::linger(HttpEnd reason) {
  if (end_of_stream_) return close(reason);
  state_ = State::lingering;
  linger_reason_ = reason;
  linger_since_ = shard_.tick();
  write_since_ = shard_.tick();
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  wait_readable();
}

void HttpConnection::drop(std::size_t bytes) {
  dropped_bytes_ += bytes;
  if (dropped_bytes_ > discarded_body_bytes_max && unacknowledged_bytes() == 0)
    close(linger_reason_);
}

/// Of what was sent, the end of the stream included.
std::size_t HttpConnection::unacknowledged_bytes() {
  int bytes = 0;
  // Refused, nothing is known: as if all had arrived.
  return ::ioctl(socket_.native_handle(), SIOCOUTQ, &bytes) == 0 && bytes > 0
             ? static_cast<std::size_t>(bytes)
             : 0;
}

/// Until the client's machine has taken all of it this is a write, with its deadline;
/// then the client has a moment to close.
void HttpConnection::sweep_lingering() {
  const auto& options = shard_.net().options;
  const auto now = shard_.tick();
  const auto unsent = unacknowledged_bytes();
  if (unsent > 0) {
    if (unsent != std::exchange(lingering_unsent_, unsent)) write_since_ = now;
    linger_since_ = now;
    if (now - write_since_ > shard_.ticks_of(options.write_timeout)) close(HttpEnd::write_timeout);
    return;
  }
  constexpr std::chrono::milliseconds linger_most{1'000};
  if (now - linger_since_ > shard_.ticks_of(std::min(options.close_timeout, linger_most)))
    close(linger_reason_);
}

void HttpConnection::hand_over() {
  const auto self = shared_from_this();  // the table's reference ends in close()
  auto& net = shard_.net();
  auto request = std::move(*std::exchange(stream_, nullptr));
  request.early_bytes = std::move(pending_);
  request.pass = std::move(pass_);
  auto place = net.spread->place(request.user, net.broadcaster->shard_of(request.user));
  request.share = std::move(place.share);
  const auto target = place.shard;
  auto* const hub = net.hubs[target].get();

  error_code ec;
  socket_.non_blocking(false, ec);
  if (target == shard_.index()) {
    auto socket = std::move(socket_);
    close(HttpEnd::upgraded);
    return hub->adopt(std::move(socket), std::move(request));
  }
  // Asio binds a socket to one context; only its descriptor can move on.
  const auto protocol = socket_.local_endpoint(ec).protocol();
  const auto descriptor = ec ? -1 : socket_.release(ec);
  if (ec) return close(HttpEnd::peer);
  close(HttpEnd::upgraded);
  tcp::socket moved{net.threads->context(target)};
  moved.assign(protocol, descriptor, ec);
  if (ec) return shard_.log(engine::LogLevel::error, "a stream's socket can't change its thread");
  asio::post(net.threads->context(target),
             [hub, socket = std::move(moved), request = std::move(request)]() mutable {
               hub->adopt(std::move(socket), std::move(request));
             });
}

void HttpConnection::sweep() {
  const auto& options = shard_.net().options;
  const auto now = shard_.tick();
  const auto is_over = [&](std::uint64_t since, std::chrono::milliseconds time) {
    return now - since > shard_.ticks_of(time);
  };
  if (state_ == State::lingering) return sweep_lingering();
  if (out_sent_ != out_.size()) {
    if (is_over(write_since_, options.write_timeout)) return close(HttpEnd::write_timeout);
  }
  if (!can_parse()) {
    partial_since_ = now;  // not the client's delay
    idle_since_ = now;
    return;
  }
  if (lines_ && has_partial_request()) {
    if (!is_over(partial_since_, options.idle_timeout)) return;
    give_up_partial(error_response(
        408, code::request_timeout,
        "Nothing came for " + std::to_string(options.idle_timeout.count()) + " ms."));
    return settle();
  }
  const bool late_greeting = !greeted_ && is_over(opened_at_, options.handshake_timeout);
  if (has_partial_request()) {
    if (!late_greeting && !is_over(partial_since_, options.request_timeout)) return;
    const auto time = late_greeting ? options.handshake_timeout : options.request_timeout;
    give_up_partial(error_response(
        408, code::request_timeout,
        "The rest of the request did not come within " + std::to_string(time.count()) + " ms."));
    return settle();
  }
  if (late_greeting) return close(HttpEnd::handshake_timeout);
  if (!queue_.empty() || out_sent_ != out_.size()) {
    idle_since_ = now;
  } else if (is_over(idle_since_, options.idle_timeout)) {
    linger(HttpEnd::idle);
  }
}

void HttpConnection::read_what_came() {
  // Each at most 64 KiB. What does not stop by itself before, because the queue is full
  // or the socket empty, is a client that sends without end.
  constexpr int reads_max = 64;
  for (int reads = 0; reads < reads_max && can_parse() && !end_of_stream_; ++reads)
    if (!read_once()) return;
}

void HttpConnection::drain() {
  if (state_ != State::open) return;
  if (lines_ && !lines_->end_slot) break_lines_off(refused_response(engine::PublishStatus::closed));
  if (!can_parse() && !last_ && !stream_ && !end_of_stream_) {
    error_code ec;
    const auto in_socket = socket_.available(ec);
    early_bytes_left_ = pending_.size() + (ec ? 0 : in_socket);
  }
  flush();
  settle();
}

void HttpConnection::close(HttpEnd reason) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  error_code ignored;
  socket_.close(ignored);
  lines_.reset();
  static_cast<void>(shard_.net().admission->hold_receiving(std::exchange(receiving_bytes_, 0U), 0));
  pass_.release();
  shard_.remove(self_.connection, reason);
}

}  // namespace carillon::net
