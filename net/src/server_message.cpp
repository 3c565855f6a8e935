#include "net/src/server_message.hpp"

#include "carillon/engine/event_parser.hpp"
#include "net/src/frame_encoder.hpp"

#include <array>
#include <charconv>

namespace carillon::net {
namespace {

// Twelve hexadecimal digits: an epoch is 48 random bits.
std::string epoch_text(std::uint64_t epoch) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), epoch, 16).ptr;
  std::string text{digits.data(), end};
  if (text.size() < 12) text.insert(0, 12 - text.size(), '0');
  return text;
}

std::string member(std::string_view name, std::string_view value) {
  std::string text;
  engine::append_json_string(text, name);
  text.push_back(':');
  engine::append_json_string(text, value);
  return text;
}

std::string ref_member(std::string_view ref) {
  return std::string{R"("ref":)"}.append(ref);
}

std::string retry_member(std::chrono::milliseconds retry_after) {
  return R"("retryAfterMs":)" + std::to_string(retry_after.count());
}

}  // namespace

std::string welcome_members(std::string_view cursor,
                            const engine::Uuid& session,
                            std::uint64_t epoch) {
  return member("cursor", cursor) + "," + member("session", engine::to_string(session)) + "," +
         member("epoch", epoch_text(epoch));
}

std::string goodbye_members(std::string_view reason,
                            std::string_view cursor,
                            std::chrono::milliseconds retry_after) {
  return member("reason", reason) + "," + member("cursor", cursor) + "," +
         retry_member(retry_after);
}

std::string pong_members(std::string_view ref) {
  return ref_member(ref);
}

std::string ack_members(std::string_view ref,
                        const engine::EventId& id,
                        engine::Sequence sequence) {
  return ref_member(ref) + "," + member("id", engine::to_string(id)) + R"(,"sequence":)" +
         std::to_string(sequence);
}

std::string reset_members(std::string_view reason, std::string_view cursor) {
  return member("reason", reason) + "," + member("cursor", cursor);
}

std::string filter_ack_members(std::string_view ref, std::string_view cursor) {
  return ref_member(ref) + "," + member("cursor", cursor);
}

std::string error_members(std::string_view ref, const MessageError& error) {
  std::string text =
      ref_member(ref) + "," + member("code", error.code) + "," + member("error", error.error);
  if (!error.details.empty()) {
    text.append(R"(,"details":[)");
    for (const engine::Fault& fault : error.details) {
      if (text.back() != '[') text.push_back(',');
      text.append("{" + member("field", fault.field) + "," + member("error", fault.error) + "}");
    }
    text.push_back(']');
  }
  if (error.retry_after.count() > 0) text.append("," + retry_member(error.retry_after));
  return text;
}

std::string message_frame(std::string_view type, std::string_view members) {
  std::string text = "{" + member("type", type);
  if (!members.empty()) text.append(",").append(members);
  text.push_back('}');
  std::string frame;
  append_text_frame(frame, text);
  return frame;
}

std::string named_event(std::string_view name, std::string_view members) {
  std::string text = "event: ";
  return text.append(name).append("\ndata: {").append(members).append("}\n\n");
}

}  // namespace carillon::net
