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
    : places_(events.size()), by_address_(events.size()), due_{events.size()} {
  for (std::size_t i = 0; i < events.size(); ++i)
    places_[i].event = &*events[i];
  std::iota(by_address_.begin(), by_address_.end(), 0U);
  std::ranges::sort(by_address_, std::less{},
                    [this](std::uint32_t place) { return places_[place].event; });
}

void BatchAnswer::add(const engine::Ack& ack) {
  const auto found =
      std::ranges::lower_bound(by_address_, ack.event.get(), std::less{},
                               [this](std::uint32_t place) { return places_[place].event; });
  CARILLON_ASSERT(found != by_address_.end() && places_[*found].event == ack.event.get(),
                  "an acknowledgement of another batch");
  auto& place = places_[*found];
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
