#include "persistence/src/event_text.hpp"

#include <cstddef>

namespace carillon::persistence {
namespace {

using engine::EventView;

void append_uuid(std::string& out, std::string_view key, const engine::Uuid& uuid) {
  out += key;
  const auto at = out.size();
  out.resize(at + engine::uuid_text_bytes);
  engine::format_uuid(uuid, out.data() + at);
}

void append_text(std::string& out, std::string_view key, std::string_view text) {
  out += key;
  out += text;
}

}  // namespace

void append_event_head(std::string& out, const EventView& event) {
  append_uuid(out, R"({"id":")", event.id);
  append_uuid(out, R"(","owner":")", event.owner);
  append_uuid(out, R"(","systemId":")", event.system_id);
  append_uuid(out, R"(","operationId":")", event.operation_id);
  append_uuid(out, R"(","actedUpon":")", event.acted_upon);
  if (event.audience == engine::Audience::everyone) out += R"(","audience":"everyone)";
  append_text(out, R"(","category":")", event.category);
  append_text(out, R"(","action":")", event.action);
  append_text(out, R"(","severity":")", to_string(event.severity));
  append_text(out, R"(","description":")", event.description_json);
  out += R"(","metadata":)";
}

std::optional<std::string_view> metadata_of(const EventView& event) {
  std::string head;
  head.reserve(event.body_json.size());
  append_event_head(head, event);
  if (!event.body_json.starts_with(head)) return std::nullopt;
  return event.body_json.substr(head.size());
}

}  // namespace carillon::persistence
