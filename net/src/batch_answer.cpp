#include "net/src/batch_answer.hpp"

#include "net/src/assert.hpp"
#include "net/src/error_envelope.hpp"

#include <simdjson.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>

namespace carillon::net {
namespace {

/// The place of a stored event, from its JSON; 0 if it does not say.
engine::Sequence sequence_of(std::string_view json) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string padded{json};
  simdjson::ondemand::document document;
  std::uint64_t sequence = 0;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.find_field("sequence").get_uint64().get(sequence) != simdjson::SUCCESS)
    return 0;
  return sequence;
}

Response failed_response(bool all) {
  return error_response(
      503, code::unavailable,
      all ? "The batch could not be made durable: nothing was kept, try again."
          : "A part of the batch could not be made durable, the rest was kept: try again; "
            "what has an id of its own is not stored twice.");
}

}  // namespace

BatchAnswer::BatchAnswer(std::span<const engine::NewEvent> events)
    : places_(events.size()), due_{events.size()} {
  for (std::size_t i = 0; i < events.size(); ++i)
    places_[i].event = &*events[i];
}

std::size_t BatchAnswer::find(const engine::Event* event) {
  if (expected_ < places_.size() && places_[expected_].event == event) return expected_;
  const auto address = [this](std::uint32_t place) { return places_[place].event; };
  if (by_address_.empty()) {  // of several owners, or of duplicates
    by_address_.resize(places_.size());
    std::iota(by_address_.begin(), by_address_.end(), 0U);
    std::ranges::sort(by_address_, std::less{}, address);
  }
  const auto found = std::ranges::lower_bound(by_address_, event, std::less{}, address);
  CARILLON_ASSERT(found != by_address_.end() && address(*found) == event,
                  "an acknowledgement of another batch");
  return *found;
}

void BatchAnswer::add(const engine::Ack& ack) {
  const auto at = find(ack.event.get());
  expected_ = at + 1;
  auto& place = places_[at];
  place.id = ack.event->id();
  --due_;
  switch (ack.outcome) {
    case engine::AckOutcome::failed:
      ++failed_;
      break;
    case engine::AckOutcome::duplicate:
      place.sequence = sequence_of(ack.first_json);
      break;
    case engine::AckOutcome::sequenced:
      at_once_ = true;
      [[fallthrough]];
    case engine::AckOutcome::durable:
      place.sequence = ack.event->sequence();
      break;
  }
}

Response BatchAnswer::response() const {
  if (failed_ > 0) return failed_response(failed_ == places_.size());
  Response response;
  response.status = at_once_ ? 202 : 201;
  response.content_type = json_type;
  constexpr std::size_t bytes_per_event = 80;
  auto& body = response.body;
  body.reserve(places_.size() * bytes_per_event + 16);
  body = R"({"events":[)";
  for (const auto& place : places_) {
    if (&place != &places_.front()) body += ',';
    body += R"({"id":")";
    body += engine::to_string(place.id);
    body += R"(","sequence":)";
    body += std::to_string(place.sequence);
    body += '}';
  }
  body += "]}";
  return response;
}

}  // namespace carillon::net
