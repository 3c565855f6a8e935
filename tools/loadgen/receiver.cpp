#include "tools/loadgen/receiver.hpp"

#include <utility>

namespace carillon::loadgen {

Receiver::Receiver(Loop& loop,
                   const SubscribePlan& plan,
                   const StampCodec& codec,
                   ReceiverHost& host,
                   const Identity& identity)
    : StreamClient{loop, plan.url.websocket},
      plan_{plan},
      codec_{codec},
      host_{host},
      identity_{identity},
      checks_(identity.streams) {
}

TemplateValues Receiver::values() const {
  return {.user = identity_.user_id, .user_index = identity_.user};
}

std::string Receiver::opening_request() const {
  std::string request;
  if (plan_.url.websocket) {
    append_upgrade(request, plan_.url, plan_.headers, plan_.subprotocol, values());
  } else {
    append_head(request, "GET", plan_.url, plan_.headers, values());
    request += "Accept: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";
  }
  return request;
}

void Receiver::on_stream() {
  for (const auto& message : plan_.messages)
    send_message(message.render(values()), plan_.binary);
  if (plan_.ready.empty()) become_ready();
}

void Receiver::become_ready() {
  ready_ = true;
  host_.receiver_ready(*this);
}

void Receiver::on_message(std::string_view message) {
  auto rest = message;
  bool events = false;
  while (const auto stamp = codec_.next(rest)) {
    events = true;
    take(*stamp);
  }
  if (!events) take_control(message);
}

void Receiver::take_control(std::string_view message) {
  if (!ready_ && message.find(plan_.ready) != std::string_view::npos) become_ready();
  if (!plan_.told.empty() && message.find(plan_.told) != std::string_view::npos) told_ = true;
}

void Receiver::take(const Stamp& stamp) {
  if (stamp.user != identity_.user || stamp.stream >= checks_.size()) {
    ++faults_.foreign;
    return;
  }
  switch (checks_[stamp.stream].take(stamp.number, std::exchange(told_, false))) {
    case SequenceCheck::Arrival::duplicate:
      ++faults_.duplicates;
      return;
    case SequenceCheck::Arrival::out_of_order:
      ++faults_.out_of_order;
      break;
    case SequenceCheck::Arrival::in_order:
    case SequenceCheck::Arrival::after_gap:
      break;
  }
  host_.delivered(stamp, loop().read_at_ns);
}

}  // namespace carillon::loadgen
