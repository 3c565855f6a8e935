#include "net/src/ack_answer.hpp"

#include "carillon/engine/change.hpp"
#include "net/src/error_envelope.hpp"

#include <utility>

namespace carillon::net {
namespace {

std::string ids_body(std::string_view name, const std::vector<engine::EventId>& ids) {
  std::string body = "{\"";
  body += name;
  body += "\":[";
  for (const auto& id : ids) {
    if (&id != &ids.front()) body += ',';
    body += '"' + engine::to_string(id) + '"';
  }
  body += "]}";
  return body;
}

Response json_response(std::string body) {
  Response response;
  response.content_type = json_type;
  response.body = std::move(body);
  return response;
}

Response plain_response(unsigned status) {
  Response response;
  response.status = status;
  return response;
}

/// Of a change that touched nothing: the schema family says so, Meshery's does not.
bool is_missing(const ResponseSlot& slot, const engine::Change& change) {
  return slot.family == Family::schema && change.affected.empty();
}

Response status_response(const ResponseSlot& slot, const engine::Change& change) {
  if (slot.family == Family::meshery) return plain_response(200);
  std::string body = R"({"message":"The event's status was updated.","eventId":")";
  body += engine::to_string(slot.id);
  body += R"(","status":")";
  body += engine::to_string(change.status);
  body += "\"}";
  return json_response(std::move(body));
}

}  // namespace

AckAnswer::AckAnswer(const ResponseSlot& slot,
                     engine::Ack& ack,
                     const ServerOptions& options,
                     std::string& headers) {
  if (ack.outcome == engine::AckOutcome::failed) {
    own(not_durable_response());
  } else if (slot.endpoint == Endpoint::publish) {
    answer_publish(slot, ack, options, headers);
  } else {
    answer_change(slot, *ack.change);
  }
}

void AckAnswer::own(Response response) {
  owned_ = std::move(response);
  view_ = owned_;
}

void AckAnswer::answer_publish(const ResponseSlot& slot,
                               engine::Ack& ack,
                               const ServerOptions& options,
                               std::string& headers) {
  const bool at_once = ack.outcome == engine::AckOutcome::sequenced;
  headers =
      slot.family == Family::schema ? "Location: /api/events/" : "Location: /api/system/events/";
  const auto before_id = headers.size();
  headers.resize(before_id + engine::uuid_text_bytes);
  engine::format_uuid(ack.event->id(), headers.data() + before_id);
  headers += "\r\n";
  if (slot.respond_async) headers += "Preference-Applied: respond-async\r\n";

  view_.content_type = json_type;
  view_.headers = headers;
  if (ack.outcome == engine::AckOutcome::duplicate) {
    owned_.body = std::move(ack.first_json);
    view_.status = 200;
    view_.body = owned_.body;
  } else {
    view_.status = at_once ? 202 : options.publish_status;
    view_.body = ack.event->json();
  }
}

void AckAnswer::answer_change(const ResponseSlot& slot, const engine::Change& change) {
  const bool single = slot.endpoint == Endpoint::set_status || slot.endpoint == Endpoint::remove;
  if (single && is_missing(slot, change))
    return own(error_response(404, code::not_found, "There is no such event in your inbox."));
  switch (slot.endpoint) {
    case Endpoint::set_status:
      return own(status_response(slot, change));
    case Endpoint::remove:
      return own(plain_response(204));
    case Endpoint::set_status_bulk:
      return own(slot.family == Family::meshery
                     ? plain_response(200)
                     : json_response(ids_body("updated", change.affected)));
    default:
      return own(slot.family == Family::meshery
                     ? plain_response(204)
                     : json_response(ids_body("deleted", change.affected)));
  }
}

}  // namespace carillon::net
