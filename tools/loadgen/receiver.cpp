#include "tools/loadgen/receiver.hpp"

#include <charconv>
#include <system_error>
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
  return {.user = identity_.user_id, .user_index = identity_.user, .cursor = cursor_};
}

std::string Receiver::opening_request(std::string_view key) const {
  std::string request;
  const auto& url = resumes_ > 0 ? plan_.resume_url : plan_.url;
  auto headers = plan_.headers;
  if (resumes_ > 0)
    headers.insert(headers.end(), plan_.resume_headers.begin(), plan_.resume_headers.end());
  if (url.websocket) {
    append_upgrade(request, url, headers, plan_.subprotocol, key, values());
  } else {
    append_head(request, "GET", url, headers, values());
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
    if (!plan_.id.empty() || !plan_.sequence.empty()) check_names(*stamp, message);
    take(*stamp);
  }
  if (!events) take_control(message);
  if (!plan_.cursor.empty()) take_cursor(message);
}

void Receiver::prepare_resume() {
  forget_stream();
  ready_ = false;
  ++resumes_;
}

// Up to a quote, as in JSON, or a line's end, as in SSE.
void Receiver::take_cursor(std::string_view message) {
  const auto mark = message.find(plan_.cursor);
  if (mark == std::string_view::npos) return;
  const auto text = message.substr(mark + plan_.cursor.size());
  cursor_ = text.substr(0, text.find_first_of("\"\r\n"));
}

// What a message has no id or sequence in is not checked for it.
void Receiver::check_names(const Stamp& stamp, std::string_view message) {
  const auto behind = [message](const std::string& mark) {
    const auto at = mark.empty() ? std::string_view::npos : message.find(mark);
    return at == std::string_view::npos ? std::string_view{} : message.substr(at + mark.size());
  };
  std::uint64_t sequence = 0;
  const auto number = behind(plan_.sequence);
  const auto [rest, error] =
      std::from_chars(number.data(), number.data() + number.size(), sequence);
  if (error == std::errc{}) {
    if (sequence <= sequence_) ++faults_.misnumbered;
    sequence_ = sequence;
  }
  auto id = behind(plan_.id);
  id = id.substr(0, id.find('"'));
  if (!id.empty() && error == std::errc{} && !host_.agrees(stamp, id, sequence))
    ++faults_.disagreed;
}

void Receiver::take_control(std::string_view message) {
  if (!ready_ && !plan_.ready.empty() && message.find(plan_.ready) != std::string_view::npos)
    become_ready();
  for (const auto& told : plan_.told)
    if (message.find(told) != std::string_view::npos) told_ = true;
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
  if (order() != nullptr) order_.add(stamp);
  host_.delivered(stamp, loop().read_at_ns);
}

}  // namespace carillon::loadgen
