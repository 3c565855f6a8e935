#include "net/src/http_connection.hpp"

#include "net/src/ack_answer.hpp"
#include "net/src/admission_answer.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"
#include "net/src/lean_wait.hpp"
#include "net/src/trim_memory.hpp"

#include <algorithm>
#include <utility>

// The reading half; http_connection_write.cpp holds the writing half.

namespace carillon::net {
namespace {

/// Answers that wait for a slow reader; no further request is parsed above it.
constexpr std::size_t unsent_bytes_max = std::size_t{1} << 20U;

/// Read behind an incomplete header.
constexpr std::size_t pending_read_bytes = std::size_t{16} * 1024;

}  // namespace

HttpConnection::HttpConnection(HttpShard& shard,
                               tcp::socket socket,
                               AdmissionPass pass,
                               Ticket self)
    : shard_{shard}, socket_{std::move(socket)}, pass_{std::move(pass)}, self_{self} {
}

void HttpConnection::start() {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  opened_at_ = shard_.tick();
  idle_since_ = opened_at_;
  wait_readable();
}

Ticket HttpConnection::ticket(std::uint32_t slot) const noexcept {
  auto ticket = self_;
  ticket.slot = slot;
  return ticket;
}

bool HttpConnection::can_parse() const noexcept {
  return state_ == State::open && !last_ && !held_ && !stream_ && (!lines_ || lines_->reads()) &&
         !has_full_queue() && unsent_bytes_ + out_.size() < unsent_bytes_max;
}

void HttpConnection::wait_readable() {
  if (reading_ || end_of_stream_ || state_ == State::closed) return;
  if (state_ == State::open && !can_parse()) return;
  reading_ = true;
  // A wait, not a read: an idle connection needs no buffer of its own.
  wait_until_readable(socket_, [self = shared_from_this()](error_code ec) {
    self->reading_ = false;
    self->on_readable(ec);
  });
}

void HttpConnection::on_readable(error_code ec) {
  if (state_ == State::closed) return;
  if (ec) return close(HttpEnd::peer);
  static_cast<void>(read_once());
}

/// False if there was nothing to read, or the connection has ended.
bool HttpConnection::read_once() {
  error_code ec;
  const auto data = receive(ec);
  const bool came = !ec;
  if (came && state_ == State::lingering) {
    drop(data.size());
  } else if (came) {
    consume(data);
    settle();
  } else if (ec == asio::error::eof) {
    on_end_of_stream();
    return false;
  } else if (ec != asio::error::would_block) {
    close(HttpEnd::peer);
  }
  wait_readable();
  return came && state_ != State::closed;
}

/// All bytes to parse: what was pending, then what just came.
std::string_view HttpConnection::receive(error_code& ec) {
  const auto scratch = shard_.read_scratch();
  const bool alone = pending_.empty() || state_ == State::lingering;
  const auto size = socket_.read_some(
      asio::buffer(scratch.data(), alone ? scratch.size() : pending_read_bytes), ec);
  shard_.counters().received_bytes_total += size;
  if (alone) return {scratch.data(), size};
  return pending_.append(scratch.data(), size);
}

void HttpConnection::on_end_of_stream() {
  end_of_stream_ = true;
  if (state_ == State::lingering) return close(linger_reason_);
  // Half-closed: what was asked is still answered.
  if (has_partial_request() && can_parse())
    give_up_partial(error_response(400, code::malformed_request,
                                   "The connection ended in the middle of a request."));
  flush();
  settle();
}

void HttpConnection::consume(std::string_view data) {
  bool goes_on = true;
  while (goes_on && !data.empty() && can_parse()) {
    while (goes_on && !data.empty() && can_parse()) {
      const auto before = data.size();
      goes_on = step(data);
      early_bytes_left_ -= std::min(early_bytes_left_, before - data.size());
    }
    flush();  // may make room for more requests, or lines
    if (!lines_) continue;
    partial_since_ = shard_.tick();
    flush_lines();
  }
  keep_unparsed(data);
  // What we hold back ourselves is one read at most, and whole requests: it is only counted.
  if (count_receiving() || !can_parse()) return;
  shard_.net().admission->count(Rejection::receiving_bytes);
  give_up_partial(receiving_full_response());
}

void HttpConnection::keep_unparsed(std::string_view data) {
  if (state_ != State::open) return;
  if (last_) data = {};  // nobody will look at it
  if (data.empty()) {
    shard_.spare().keep(pending_);
  } else if (data.data() >= pending_.data() && data.data() < pending_.data() + pending_.size()) {
    pending_.erase(0, pending_.size() - data.size());
  } else {
    if (pending_.empty()) pending_ = shard_.spare().take_text();
    pending_.assign(data);
  }
  if (!has_partial_request()) {
    partial_since_ = 0;
  } else if (partial_since_ == 0) {
    partial_since_ = shard_.tick();
  }
}

/// What is held of requests that are not whole. False if that grew, and all connections
/// hold more than they may.
bool HttpConnection::count_receiving() {
  if (state_ == State::closed) return true;
  std::size_t now = 0;
  if (parser_ || lines_) now = request_.fit();
  if (!pending_.empty()) {
    trim_memory(pending_);
    now += pending_.size();
  }
  if (now == receiving_bytes_) return true;
  const auto before = std::exchange(receiving_bytes_, static_cast<std::uint32_t>(now));
  return shard_.net().admission->hold_receiving(before, now);
}

/// Feeds the parser once. False if nothing can be done with these bytes alone.
bool HttpConnection::step(std::string_view& data) {
  if (!parser_) {
    // Empty lines before a request are to be ignored (RFC 9112, section 2.2).
    while (data.starts_with("\r\n"))
      data.remove_prefix(2);
    if (data.empty() || data == "\r") return false;
    request_ = shard_.spare().take_request();
    parser_.emplace(request_, shard_.net().options.header_bytes_max);
    partial_since_ = shard_.tick();
  }
  switch (parser_->feed(data)) {
    case ParseStep::progress:
      return true;
    case ParseStep::needs_more:
      return false;
    case ParseStep::header_done:
      on_header();
      if (parser_ && parser_->is_complete()) dispatch();
      return true;
    case ParseStep::done:
      dispatch();
      return true;
    case ParseStep::header_too_big:
      refuse(error_response(431, code::header_too_large,
                            "Request line and headers exceed " +
                                std::to_string(shard_.net().options.header_bytes_max) + " bytes."));
      break;
    case ParseStep::body_too_big:
      refuse(body_too_large(route_, shard_.net().options));
      break;
    case ParseStep::bad_framing:
      refuse(error_response(400, code::malformed_request, parser_->fault()));
      break;
  }
  data = {};  // where a next request would begin is unknown
  return false;
}

void HttpConnection::on_header() {
  const auto& options = shard_.net().options;
  greeted_ = true;
  route_ = route(request_.method, request_.path());
  early_answer_ = check_header(request_, route_, is_draining());
  const bool waits = request_.http11 && parser_->expects_body() &&
                     equal_ignoring_case(trim(request_.header("Expect")), "100-continue");
  if (!early_answer_ && is_line_stream(request_, route_)) {
    early_answer_ = begin_lines(waits);
    if (lines_) return;
  }
  const auto body_max = early_answer_ ? 0 : body_bytes_max(route_, options);
  if (parser_->declared_body_bytes() > discarded_body_bytes_max)
    return refuse(early_answer_ ? *early_answer_ : body_too_large(route_, options));
  parser_->limit_body(body_max, std::max(body_max, discarded_body_bytes_max));
  if (!waits) return;
  if (!early_answer_ && parser_->declared_body_bytes() > body_max)
    early_answer_ = body_too_large(route_, options);
  // Told no, the client may or may not send the body: only a close is clear.
  if (const auto refusal = std::exchange(early_answer_, std::nullopt)) return refuse(*refusal);
  continue_due_ = true;
}

std::uint32_t HttpConnection::push_slot() {
  const auto number = queue_.push();
  auto& slot = *queue_.find(number);
  slot.frame = {.head = request_.method == Method::head,
                .http11 = request_.http11,
                .close = !request_.keep_alive};
  slot.endpoint = route_.endpoint;
  slot.family = route_.family;
  slot.id = route_.id;
  idle_since_ = shard_.tick();  // only a request: empty lines keep nothing alive
  last_ = !request_.keep_alive;
  return number;
}

void HttpConnection::dispatch() {
  parser_.reset();
  continue_due_ = false;
  partial_since_ = 0;
  if (lines_) return lines_->end_body();
  const auto number = push_slot();
  auto response = std::exchange(early_answer_, std::nullopt);
  if (!response && request_.body_cut) response = body_too_large(route_, shard_.net().options);
  if (!response) response = handle_request(*this, request_, route_, number);
  shard_.spare().keep(request_);
  if (response) answer(number, *response);
}

/// Answers and ends the connection: what follows this request can't be read.
void HttpConnection::refuse(const Response& response) {
  if (lines_) {
    advance_lines();  // what came whole before the fault
    if (!lines_->end_slot) break_lines_off(response);
    return;
  }
  request_.keep_alive = false;
  const auto number = push_slot();
  early_answer_.reset();
  continue_due_ = false;
  parser_.reset();
  shard_.spare().keep(request_);
  answer(number, response);
}

/// The rest of a request will not be waited for.
void HttpConnection::give_up_partial(const Response& response) {
  refuse(response);
  keep_unparsed({});
  count_receiving();
  flush();
}

void HttpConnection::on_ack(std::uint32_t number, engine::Ack& ack) {
  auto* const slot = queue_.find(number);
  if (slot == nullptr || slot->ready) return;
  if (slot->lines) return slot->lines->on_ack(ack);
  if (slot->batch) return on_batch_ack(number, *slot, ack);
  AckAnswer answered{*slot, ack, shard_.net().options, shard_.header_scratch()};
  answer(number, answered.view());
}

void HttpConnection::on_batch_ack(std::uint32_t number,
                                  ResponseSlot& slot,
                                  const engine::Ack& ack) {
  slot.batch->add(ack);
  if (!slot.batch->is_complete()) return;
  auto response = std::exchange(slot.batch, nullptr)->response();
  if (response.status == 202) response.headers = "Preference-Applied: respond-async\r\n";
  answer(number, response);
}

void HttpConnection::become_stream(StreamRequest request) {
  queue_.pop_back();
  last_ = false;
  stream_ = std::make_unique<StreamRequest>(std::move(request));
}

}  // namespace carillon::net
