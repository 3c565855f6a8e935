#include "net/src/line_stream.hpp"

#include "net/src/assert.hpp"
#include "net/src/error_envelope.hpp"

#include <span>

namespace carillon::net {

std::unique_ptr<LineResults> LineStream::take(std::string& body, engine::EventParser& parser) {
  CARILLON_ASSERT(!has_unpublished(), "earlier lines come first");
  events_.clear();
  published_ = 0;
  own_ids_ = false;
  admitted_ = false;
  auto results = std::make_unique<LineResults>();
  for (;;) {
    lines_left_ = !has_room_beside(results->size(), results->bytes());
    if (lines_left_) break;
    const auto line = reader_.next(body, body_ended_);
    if (!line) break;
    parse(*line, parser, *results);
  }
  reader_.drop_taken(body);
  if (results->is_complete()) return nullptr;
  lines_in_flight_ += results->size();
  bytes_in_flight_ += results->bytes();
  return results;
}

void LineStream::parse(const LineReader::Line& line,
                       engine::EventParser& parser,
                       LineResults& results) {
  if (line.too_long)
    return results.add_refusal(
        line.number,
        error_response(413, code::body_too_large,
                       "The line exceeds the " + std::to_string(limits_.line_bytes_max) +
                           " bytes that an event may have."));
  auto parsed = parser.parse(line.text, publisher_);
  if (!parsed) {
    constexpr std::string_view body = "The body";
    if (parsed.error.starts_with(body)) parsed.error.replace(0, body.size(), "The line");
    return results.add_refusal(line.number, parse_fault_response(parsed));
  }
  own_ids_ = own_ids_ || parsed.event->id_from_publisher();
  results.add_event(line.number, *parsed.event);
  events_.push_back(std::move(parsed.event));
}

engine::PublishStatus LineStream::publish(engine::Broadcaster& broadcaster,
                                          engine::AckRequest ack) {
  ack.at = ack_at_;
  auto rest = std::span{events_}.subspan(published_);
  auto status = broadcaster.publish_all(rest, ack);
  if (status == engine::PublishStatus::accepted) {
    published_ = events_.size();
    return status;
  }
  // There may be room for some of them: then those behind the first that is refused
  // must wait, for the order.
  while (has_unpublished() && status != engine::PublishStatus::closed) {
    status = broadcaster.publish(events_[published_], ack);
    if (status != engine::PublishStatus::accepted) return status;
    ++published_;
  }
  return status;
}

std::uint64_t LineStream::abandon(LineResults* newest) {
  auto number = reader_.next_number();
  if (has_unpublished()) {
    CARILLON_ASSERT(newest != nullptr, "what is not published waits for its result");
    const auto before = newest->size();
    number = newest->forget_from(*events_[published_]);
    lines_in_flight_ -= before - newest->size();
  }
  events_.clear();
  published_ = 0;
  return number;
}

void LineStream::on_written(std::size_t lines, std::size_t bytes) noexcept {
  lines_in_flight_ -= lines;
  bytes_in_flight_ -= bytes;
}

}  // namespace carillon::net
