#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"
#include "net/src/http_connection.hpp"
#include "net/src/media_type.hpp"

#include <array>
#include <string>
#include <utility>

// HttpConnection and a batch that it reads as a stream of lines. Each piece of its
// answer is a slot of the queue: the head, the results of the lines that were taken in
// one go, and the end.

namespace carillon::net {
namespace {

/// Of one stream, in events' blocks and refusals' texts. A few of the largest events,
/// and far more than a commit takes of usual ones.
constexpr std::size_t stream_bytes_in_flight_max = std::size_t{8} << 20U;

/// When the engine is full for others' events, nobody tells us that it no longer is.
constexpr std::chrono::milliseconds retry_interval{5};

}  // namespace

std::optional<Response> HttpConnection::begin_lines(bool continue_wanted) {
  const auto& options = shard_.net().options;
  const auto query = QueryString::parse(request_.query());
  if (!query) return broken_query_response();
  auto resolved = resolve_caller(options, request_, *query);
  if (resolved.refusal) return std::move(resolved.refusal);

  const bool at_once = request_.header_has_token("Prefer", "respond-async");
  lines_ = std::make_unique<LineStream>(
      shard_.context(), engine::Publisher{resolved.caller.user, resolved.caller.service},
      at_once ? engine::AckAt::sequencing : engine::AckAt::durability,
      LineStream::Limits{.line_bytes_max = options.event_bytes_max,
                         .lines_in_flight_max = options.batch_events_max,
                         .bytes_in_flight_max = stream_bytes_in_flight_max});
  parser_->keep_body();
  if (!request_.http11) request_.keep_alive = false;  // only its end can end such an answer

  const auto number = queue_.push();
  auto& slot = *queue_.find(number);
  if (continue_wanted) slot.bytes = "HTTP/1.1 100 Continue\r\n\r\n";
  append_stream_head(
      slot.bytes, ndjson_type, at_once ? "Preference-Applied: respond-async\r\n" : "",
      {.http11 = request_.http11, .close = !request_.keep_alive}, shard_.common_headers());
  slot.ready = true;
  unsent_bytes_ += slot.bytes.size();
  ++shard_.counters().responses_total[2];
  return std::nullopt;
}

/// Takes lines and sends results until neither makes room for the other. Lines that are
/// refused have their results at once: nothing else would come to continue behind them.
void HttpConnection::flush_lines() {
  bool advanced = true;
  while (advanced) {
    advanced = advance_lines();
    flush();
  }
}

/// Takes and publishes lines as far as the bounds, and ids that are looked up, allow.
/// True if it took any.
bool HttpConnection::advance_lines() {
  bool took = false;
  while (state_ == State::open && lines_ && !lines_->end_slot && !held_) {
    if (lines_->has_unpublished() && !publish_lines()) break;
    if (held_ || !lines_->has_room() || has_full_queue()) break;
    auto results = lines_->take(request_.body, shard_.event_parser());
    if (!results) {
      if (lines_->body_ended() && lines_->has_room()) end_lines({});
      break;
    }
    lines_->newest_slot = queue_.push();
    auto& slot = *queue_.find(lines_->newest_slot);
    slot.lines = std::move(results);
    slot.frame.http11 = request_.http11;
    took = true;
  }
  return took;
}

/// False if the engine, or the caller's rate, does not take all of it now.
bool HttpConnection::publish_lines() {
  if (lines_->unadmitted() > 0) {
    const auto& caller = lines_->publisher();
    const auto wait =
        shard_.net().admission->take_publish(caller.user, caller.service, lines_->unadmitted());
    if (wait.count() > 0) {
      retry_lines_in(wait);
      return false;
    }
    lines_->admit();
  }
  const auto slot = lines_->newest_slot;
  const auto status = lines_->publish(*shard_.net().broadcaster,
                                      {.sink = &shard_, .token = ticket(slot).to_token()});
  switch (status) {
    case engine::PublishStatus::accepted:
      if (lines_->holds()) held_ = slot;
      return true;
    case engine::PublishStatus::full:
      break;
    case engine::PublishStatus::closed:
      break_lines_off(refused_response(status));
      return false;
  }
  retry_lines_in(retry_interval);
  return false;
}

void HttpConnection::retry_lines_in(std::chrono::microseconds time) {
  if (std::exchange(lines_->retry_pending, true)) return;
  lines_->retry.expires_after(time);
  lines_->retry.async_wait([self = shared_from_this()](error_code ec) {
    if (ec || !self->lines_) return;
    self->lines_->retry_pending = false;
    self->resume();
  });
}

/// The results of one slot, as far as they are known, as one chunk.
bool HttpConnection::append_results(const ResponseSlot& slot) {
  auto& results = *slot.lines;
  constexpr std::string_view no_size = "00000000\r\n";
  const auto begin = out_.size();
  const bool chunked = slot.frame.http11;
  if (chunked) out_ += no_size;
  const auto text = out_.size();
  const auto lines = results.append_known(out_);
  if (chunked && lines == 0) out_.resize(begin);
  if (chunked && lines > 0) {
    auto size = out_.size() - text;
    for (auto digit = begin + 8; digit-- > begin; size >>= 4U)
      out_[digit] = "0123456789abcdef"[size & 15U];
    out_ += "\r\n";
  }
  lines_->on_written(lines, results.is_complete() ? results.bytes() : 0);
  return results.is_complete();
}

void HttpConnection::end_lines(std::string_view last_line) {
  lines_->end_slot = queue_.push();
  auto& slot = *queue_.find(*lines_->end_slot);
  if (!request_.http11) {
    slot.bytes = last_line;
  } else {
    if (!last_line.empty()) append_chunk(slot.bytes, last_line);
    slot.bytes += "0\r\n\r\n";
  }
  slot.ready = true;
  unsent_bytes_ += slot.bytes.size();
  last_ = !request_.keep_alive;
  std::string{}.swap(request_.body);
}

/// Ends the stream before its body has ended. The last line tells why, with the number
/// of the first line of which nothing was kept.
void HttpConnection::break_lines_off(const Response& refusal) {
  auto* const newest = queue_.find(lines_->newest_slot);
  const auto number = lines_->abandon(newest != nullptr ? newest->lines.get() : nullptr);
  std::string line;
  append_refused_line(line, number, refusal.body);
  parser_.reset();
  request_.keep_alive = false;
  end_lines(line);
}

}  // namespace carillon::net
