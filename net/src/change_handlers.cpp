#include "carillon/engine/change.hpp"
#include "net/src/body_reader.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"

#include <memory>
#include <utility>

namespace carillon::net {
namespace {

bool is_removal(const Exchange& exchange) noexcept {
  return exchange.route.endpoint == Endpoint::remove ||
         exchange.route.endpoint == Endpoint::remove_bulk;
}

std::shared_ptr<engine::Change> make_change(const Exchange& exchange, const ActionBody& action) {
  auto change = std::make_shared<engine::Change>();
  change->kind =
      is_removal(exchange) ? engine::Change::Kind::remove : engine::Change::Kind::set_status;
  change->user = exchange.caller.user;
  if (action.status) change->status = *action.status;
  return change;
}

Handled apply(const Exchange& exchange, std::shared_ptr<engine::Change> change) {
  const engine::AckRequest ack{.sink = &exchange.connection.shard(),
                               .token = exchange.connection.ticket(exchange.slot).to_token(),
                               .at = engine::AckAt::durability};
  const auto status = exchange.net().broadcaster->apply(std::move(change), ack);
  if (status != engine::PublishStatus::accepted) return refused_response(status);
  return std::nullopt;
}

/// Of a bulk action on no event at all.
Response nothing_to_do(const Exchange& exchange) {
  Response response;
  if (exchange.route.family == Family::meshery) {
    response.status = is_removal(exchange) ? 204 : 200;
  } else {
    response.content_type = json_type;
    response.body = is_removal(exchange) ? R"({"deleted":[]})" : R"({"updated":[]})";
  }
  return response;
}

}  // namespace

Handled handle_change_one(const Exchange& exchange) {
  Faults faults;
  ActionBody action;
  if (!is_removal(exchange))
    action = read_action(exchange.request.body, {.status = true, .events = false},
                         exchange.net().broadcaster->epoch(), faults);
  if (faults.any()) return faults_response(faults);
  auto change = make_change(exchange, action);
  change->ids.push_back(exchange.route.id);
  return apply(exchange, std::move(change));
}

Handled handle_change_bulk(const Exchange& exchange) {
  Faults faults;
  auto action =
      read_action(exchange.request.body, {.status = !is_removal(exchange), .events = true},
                  exchange.net().broadcaster->epoch(), faults);
  if (faults.any()) return faults_response(faults);
  auto change = make_change(exchange, action);
  if (action.ids) {
    // To the engine a change without ids means every event that its filter lets
    // through; here it means none.
    if (action.ids->empty()) return nothing_to_do(exchange);
    change->ids = *std::move(action.ids);
  } else {
    change->filter = std::move(action.filter);
    change->up_to = action.up_to;
  }
  return apply(exchange, std::move(change));
}

}  // namespace carillon::net
