#include "persistence/src/records.hpp"

#include "persistence/src/coding.hpp"
#include "persistence/src/event_text.hpp"

#include <chrono>
#include <cstring>
#include <functional>

namespace carillon::persistence {
namespace {

using engine::EventView;
using engine::Timestamp;
using engine::Uuid;

// Layout of an event row, in bytes: version 1, severity 1, audience 1, status 1,
// five UUIDs, created_at 8. Then, in a row that keeps its `body_json`, three places of
// 4 + 4, its size 4 and the text; in any other, four sizes as varints and the texts
// that follow one another: category, action, description, metadata.
constexpr char event_version_with_body = 1;
constexpr char event_version = 2;
constexpr std::size_t uuid_bytes = 16;
constexpr std::size_t uuids_at = 4;
constexpr std::size_t created_at_at = uuids_at + 5 * uuid_bytes;
constexpr std::size_t fields_end = created_at_at + 8;
constexpr std::size_t places_at = fields_end;
constexpr std::size_t body_bytes_at = places_at + std::size_t{3} * 8;
constexpr std::size_t text_at = body_bytes_at + 4;

// version 1, status 1, deleted 1, updated_at 8, deleted_at 8, change 8.
constexpr char state_version = 1;
constexpr std::size_t state_bytes = 3 + std::size_t{3} * 8;

void put_time(std::string& out, Timestamp time) {
  put_fixed<8>(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}
Timestamp get_time(const char* at) noexcept {
  return Timestamp{std::chrono::microseconds{static_cast<std::int64_t>(get_fixed<8>(at))}};
}

void put_uuid(std::string& out, const Uuid& uuid) {
  out.append(reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size());
}
Uuid get_uuid(const char* at) noexcept {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), at, uuid_bytes);
  return uuid;
}

/// Where `part` lies in the row's text. The engine's views point into their own
/// `body_json`; a part that does not is added behind it.
void put_place(std::string& out, std::string_view part, std::string_view body, std::string& added) {
  const std::less_equal<const char*> at_or_before;
  const bool within = at_or_before(body.data(), part.data()) &&
                      at_or_before(part.data() + part.size(), body.data() + body.size());
  const auto place =
      within ? static_cast<std::size_t>(part.data() - body.data()) : body.size() + added.size();
  if (!within) added += part;
  put_fixed<4>(out, place);
  put_fixed<4>(out, part.size());
}

std::optional<std::string_view> get_place(const char* at, std::string_view text) noexcept {
  const auto place = get_fixed<4>(at);
  const auto size = get_fixed<4>(at + 4);
  if (place > text.size() || size > text.size() - place) return std::nullopt;
  return text.substr(place, size);
}

void put_fields(std::string& out, char version, const EventView& event) {
  out.push_back(version);
  out.push_back(static_cast<char>(event.severity));
  out.push_back(static_cast<char>(event.audience));
  out.push_back(static_cast<char>(event.initial_status));
  for (const auto* uuid :
       {&event.id, &event.owner, &event.system_id, &event.operation_id, &event.acted_upon})
    put_uuid(out, *uuid);
  put_time(out, event.created_at);
}

std::string encode_with_body(const EventView& event) {
  std::string row;
  std::string added;
  row.reserve(text_at + event.body_json.size());
  put_fields(row, event_version_with_body, event);
  for (const auto part : {event.category, event.action, event.description_json})
    put_place(row, part, event.body_json, added);
  put_fixed<4>(row, event.body_json.size());
  row += event.body_json;
  row += added;
  return row;
}

/// Reads the texts of a row that keeps its `body_json`.
bool take_body(std::string_view row, StoredEvent& event) noexcept {
  if (row.size() < text_at) return false;
  const char* at = row.data();
  const auto text = row.substr(text_at);
  const auto body_bytes = get_fixed<4>(at + body_bytes_at);
  const auto category = get_place(at + places_at, text);
  const auto action = get_place(at + places_at + 8, text);
  const auto description = get_place(at + places_at + 16, text);
  if (body_bytes > text.size() || !category || !action || !description) return false;
  event.category = *category;
  event.action = *action;
  event.description_json = *description;
  event.body_json = text.substr(0, body_bytes);
  return true;
}

bool take_texts(std::string_view row, StoredEvent& event) noexcept {
  auto rest = row.substr(fields_end);
  const auto category = take_varint(rest);
  const auto action = take_varint(rest);
  const auto description = take_varint(rest);
  const auto metadata = take_varint(rest);
  if (!category || !action || !description || !metadata) return false;
  const auto take = [&rest](std::uint64_t bytes, std::string_view& text) {
    if (bytes > rest.size()) return false;
    text = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    return true;
  };
  return take(*category, event.category) && take(*action, event.action) &&
         take(*description, event.description_json) && take(*metadata, event.metadata_json) &&
         rest.empty();
}

}  // namespace

std::string encode_event(const EventView& event) {
  const auto metadata = metadata_of(event);
  if (!metadata) return encode_with_body(event);
  const auto texts = {event.category, event.action, event.description_json, *metadata};
  std::string row;
  row.reserve(fields_end + 16 + event.category.size() + event.action.size() +
              event.description_json.size() + metadata->size());
  put_fields(row, event_version, event);
  for (const auto text : texts)
    put_varint(row, text.size());
  for (const auto text : texts)
    row += text;
  return row;
}

std::optional<StoredEvent> decode_event(std::string_view row, engine::Sequence sequence) noexcept {
  if (row.size() < fields_end) return std::nullopt;
  const auto severity = static_cast<unsigned char>(row[1]);
  const auto audience = static_cast<unsigned char>(row[2]);
  const auto status = static_cast<unsigned char>(row[3]);
  if (severity >= engine::severity_count || audience > 1 || status >= engine::status_count)
    return std::nullopt;
  StoredEvent event;
  if (row[0] == event_version) {
    if (!take_texts(row, event)) return std::nullopt;
  } else if (row[0] != event_version_with_body || !take_body(row, event)) {
    return std::nullopt;
  }
  const char* at = row.data();
  event.id = get_uuid(at + uuids_at);
  event.owner = get_uuid(at + uuids_at + uuid_bytes);
  event.system_id = get_uuid(at + uuids_at + 2 * uuid_bytes);
  event.operation_id = get_uuid(at + uuids_at + 3 * uuid_bytes);
  event.acted_upon = get_uuid(at + uuids_at + 4 * uuid_bytes);
  event.created_at = get_time(at + created_at_at);
  event.sequence = sequence;
  event.severity = static_cast<engine::Severity>(severity);
  event.audience = static_cast<engine::Audience>(audience);
  event.initial_status = static_cast<engine::Status>(status);
  return event;
}

std::string encode_state(const StateRecord& record) {
  std::string row;
  row.reserve(state_bytes);
  row.push_back(state_version);
  row.push_back(static_cast<char>(record.state.status));
  row.push_back(record.state.deleted_at ? '\1' : '\0');
  put_time(row, record.state.updated_at);
  put_time(row, record.state.deleted_at.value_or(Timestamp{}));
  put_fixed<8>(row, record.change);
  return row;
}

std::optional<StateRecord> decode_state(std::string_view row) noexcept {
  if (row.size() != state_bytes || row[0] != state_version) return std::nullopt;
  const auto status = static_cast<unsigned char>(row[1]);
  if (status >= engine::status_count) return std::nullopt;
  StateRecord record;
  record.state.status = static_cast<engine::Status>(status);
  record.state.updated_at = get_time(row.data() + 3);
  if (row[2] != '\0') record.state.deleted_at = get_time(row.data() + 11);
  record.change = get_fixed<8>(row.data() + 19);
  return record;
}

std::string event_json(const StoredEvent& event, const engine::EventState& state) {
  constexpr std::size_t head_bytes = 384;  // keys, five UUIDs, the words of an enum
  constexpr std::size_t tail_bytes = 192;
  std::string json;
  if (event.body_json.empty()) {
    json.reserve(head_bytes + event.category.size() + event.action.size() +
                 event.description_json.size() + event.metadata_json.size() + tail_bytes);
    append_event_head(json, event);
    json += event.metadata_json;
  } else {
    json.reserve(event.body_json.size() + tail_bytes);
    json += event.body_json;
  }
  engine::append_event_tail(json, state, event.created_at, event.sequence);
  return json;
}

}  // namespace carillon::persistence
