#include "net/src/admission_answer.hpp"
#include "net/src/batch_reader.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace carillon::net {
namespace {

/// How its publish is to be acknowledged; the slot remembers what was asked for.
/// `Prefer: respond-async, wait=10`: the preference, parameters aside.
engine::AckRequest request_ack(const Exchange& exchange) {
  auto& slot = exchange.connection.slot(exchange.slot);
  slot.respond_async = exchange.request.header_has_token("Prefer", "respond-async");
  return {.sink = &exchange.connection.shard(),
          .token = exchange.connection.ticket(exchange.slot).to_token(),
          .at = slot.respond_async ? engine::AckAt::sequencing : engine::AckAt::durability};
}

/// A token per event, or the answer that there is none.
Handled limit_rate(const Exchange& exchange, std::size_t events) {
  auto& admission = *exchange.net().admission;
  const auto& caller = exchange.caller;
  const auto wait = admission.take_publish(caller.user, caller.service, events);
  if (wait.count() == 0) return std::nullopt;
  admission.count(Rejection::publish_rate);
  return rate_limited_response(admission, caller.service, wait);
}

}  // namespace

Handled handle_publish(const Exchange& exchange) {
  // Before the parsing, which is what a flood would cost most.
  if (auto refusal = limit_rate(exchange, 1)) return refusal;
  auto& shard = exchange.connection.shard();
  auto parsed = shard.event_parser().parse(exchange.request.body,
                                           {exchange.caller.user, exchange.caller.service});
  if (!parsed) return parse_fault_response(parsed);

  const auto ack = request_ack(exchange);
  // Such an event takes its place only after its id was looked up; what the same
  // connection publishes behind it must not overtake it.
  const bool hold = parsed.event->id_from_publisher();
  const auto status = exchange.net().broadcaster->publish(parsed.event, ack);
  if (status != engine::PublishStatus::accepted) return refused_response(status);
  if (hold) exchange.connection.hold_until_answered(exchange.slot);
  return std::nullopt;
}

Handled handle_publish_batch(const Exchange& exchange) {
  const auto& options = exchange.net().options;
  // Who owes tokens already is told so before anything is read.
  if (auto refusal = limit_rate(exchange, 0)) return refusal;
  auto batch = read_batch(
      exchange.request.body, exchange.connection.shard().event_parser(),
      {exchange.caller.user, exchange.caller.service},
      {.events_max = options.batch_events_max, .event_bytes_max = options.event_bytes_max});
  if (batch.refusal) return std::move(batch.refusal);
  if (auto refusal = limit_rate(exchange, batch.events.size())) return refusal;

  const auto ack = request_ack(exchange);
  auto& slot = exchange.connection.slot(exchange.slot);
  slot.batch = std::make_unique<BatchAnswer>(batch.events);
  const bool hold = std::ranges::any_of(  // as for one event
      batch.events, [](const auto& event) { return event->id_from_publisher(); });
  const auto status = exchange.net().broadcaster->publish_all(batch.events, ack);
  if (status != engine::PublishStatus::accepted) return refused_response(status);
  if (hold) exchange.connection.hold_until_answered(exchange.slot);
  return std::nullopt;
}

}  // namespace carillon::net
