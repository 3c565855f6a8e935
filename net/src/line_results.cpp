#include "net/src/line_results.hpp"

#include "net/src/assert.hpp"
#include "net/src/client_message.hpp"
#include "net/src/error_envelope.hpp"

#include <array>
#include <charconv>

namespace carillon::net {
namespace {

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

void append_refused_line(std::string& out, std::uint64_t line, std::string_view envelope) {
  out += R"({"line":)";
  append_number(out, line);
  out += ',';
  out += envelope.substr(1);  // behind its opening brace
  out += '\n';
}

void LineResults::add_event(std::uint64_t line, const engine::Event& event) {
  lines_.push_back({.number = line, .event = &event, .id = event.id()});
  bytes_ += event.footprint_bytes();
}

void LineResults::add_refusal(std::uint64_t line, const Response& refusal) {
  bytes_ += refusal.body.size();
  refuse(lines_.emplace_back(Line{.number = line}), refusal);
}

void LineResults::refuse(Line& line, const Response& refusal) {
  line.refusal = static_cast<std::uint32_t>(refusals_.size());
  line.outcome = Outcome::refused;
  line.event = nullptr;
  refusals_.push_back(refusal.body);
}

std::uint64_t LineResults::forget_from(const engine::Event& event) {
  std::size_t place = lines_.size();
  while (place > written_ && lines_[place - 1].event != &event)
    --place;
  CARILLON_ASSERT(place > written_, "an event of other lines");
  const auto number = lines_[place - 1].number;
  lines_.resize(place - 1);
  return number;
}

void LineResults::on_ack(const engine::Ack& ack) {
  // One owner's acknowledgements come in the order of its lines.
  auto place = expected_;
  for (std::size_t looks = 0; looks <= lines_.size(); ++looks, ++place) {
    if (place >= lines_.size()) place = 0;
    if (lines_[place].event == ack.event.get()) break;
  }
  auto& line = lines_[place];
  CARILLON_ASSERT(line.event == ack.event.get(), "an acknowledgement of other lines");
  expected_ = place + 1;
  line.event = nullptr;
  switch (ack.outcome) {
    case engine::AckOutcome::sequenced:
    case engine::AckOutcome::durable:
      line.outcome = Outcome::durable;
      line.sequence = ack.event->sequence();
      break;
    case engine::AckOutcome::duplicate:
      line.outcome = Outcome::duplicate;
      line.sequence = sequence_in_event(ack.first_json);
      break;
    case engine::AckOutcome::failed:
      refuse(line, not_durable_response());
      break;
  }
}

std::size_t LineResults::append_known(std::string& out) {
  const auto before = written_;
  for (; written_ < lines_.size() && lines_[written_].outcome != Outcome::open; ++written_)
    append(out, lines_[written_]);
  return written_ - before;
}

void LineResults::append(std::string& out, const Line& line) const {
  if (line.outcome == Outcome::refused)
    return append_refused_line(out, line.number, refusals_[line.refusal]);
  out += R"({"line":)";
  append_number(out, line.number);
  out += R"(,"id":")";
  const auto before = out.size();
  out.resize(before + engine::uuid_text_bytes);
  engine::format_uuid(line.id, out.data() + before);
  out += R"(","sequence":)";
  append_number(out, line.sequence);
  if (line.outcome == Outcome::duplicate) out += R"(,"duplicate":true)";
  out += "}\n";
}

}  // namespace carillon::net
