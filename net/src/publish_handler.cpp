#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"

namespace carillon::net {
namespace {

Response parse_fault_response(const engine::ParseResult& parsed) {
  switch (parsed.fault) {
    case engine::ParseFault::forbidden:
      return error_response(403, code::forbidden, parsed.error, parsed.details);
    case engine::ParseFault::invalid_event:
      return error_response(400, code::invalid_event, parsed.error, parsed.details);
    default:
      return error_response(400, code::malformed_json, parsed.error, parsed.details);
  }
}

/// `Prefer: respond-async, wait=10`: the preference, parameters aside.
bool prefers_async(const Request& request) {
  return request.header_has_token("Prefer", "respond-async");
}

}  // namespace

Handled handle_publish(const Exchange& exchange) {
  auto& shard = exchange.connection.shard();
  auto parsed = shard.event_parser().parse(exchange.request.body,
                                           {exchange.caller.user, exchange.caller.service});
  if (!parsed) return parse_fault_response(parsed);

  auto& slot = exchange.connection.slot(exchange.slot);
  slot.respond_async = prefers_async(exchange.request);
  const engine::AckRequest ack{
      .sink = &shard,
      .token = exchange.connection.ticket(exchange.slot).to_token(),
      .at = slot.respond_async ? engine::AckAt::sequencing : engine::AckAt::durability};
  // Such an event takes its place only after its id was looked up; what the same
  // connection publishes behind it must not overtake it.
  const bool hold = parsed.event->id_from_publisher();
  const auto status = exchange.net().broadcaster->publish(parsed.event, ack);
  if (status != engine::PublishStatus::accepted) return refused_response(status);
  if (hold) exchange.connection.hold_until_answered(exchange.slot);
  return std::nullopt;
}

}  // namespace carillon::net
