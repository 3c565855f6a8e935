#include "carillon/engine/event.hpp"

#include "carillon/engine/event_parser.hpp"
#include "engine/src/assert.hpp"
#include "engine/src/event_access.hpp"
#include "engine/src/event_pool_impl.hpp"

#include <charconv>
#include <cstring>
#include <new>

namespace carillon::engine {
namespace {

constexpr std::array<std::string_view, severity_count> severity_words{
    "alert", "critical", "debug", "emergency", "error", "informational", "success", "warning"};
constexpr std::array<std::string_view, status_count> status_words{"unread", "read"};

constexpr std::string_view status_key = ",\"status\":\"";
constexpr std::string_view created_key = "\",\"createdAt\":\"";
constexpr std::string_view updated_key = "\",\"updatedAt\":\"";
constexpr std::string_view deleted_key = "\",\"deletedAt\":\"";
constexpr std::string_view sequence_key = "\",\"sequence\":";
constexpr std::size_t sequence_digits_max = 20;
constexpr std::size_t tail_bytes_max =
    status_key.size() + 6 + created_key.size() + updated_key.size() + deleted_key.size() +
    3 * timestamp_text_bytes + sequence_key.size() + sequence_digits_max + 1;

/// Appends to memory that is known to be large enough.
class Writer {
 public:
  explicit Writer(char* out) noexcept : out_{out} {}

  std::string_view text(std::string_view value) noexcept {
    // An empty view may have no address, which memcpy must not be given.
    if (!value.empty()) std::memcpy(out_, value.data(), value.size());
    const std::string_view written{out_, value.size()};
    out_ += value.size();
    return written;
  }
  void uuid(const Uuid& value) noexcept {
    format_uuid(value, out_);
    out_ += uuid_text_bytes;
  }
  void time(Timestamp value) noexcept {
    format_timestamp(value, out_);
    out_ += timestamp_text_bytes;
  }
  void number(std::uint64_t value) noexcept {
    out_ = std::to_chars(out_, out_ + sequence_digits_max, value).ptr;
  }
  [[nodiscard]] char* end() const noexcept { return out_; }

 private:
  char* out_;
};

void write_tail(Writer& out,
                const EventState& state,
                Timestamp created_at,
                Sequence sequence) noexcept {
  out.text(status_key);
  out.text(to_string(state.status));
  out.text(created_key);
  out.time(created_at);
  out.text(updated_key);
  out.time(state.updated_at);
  if (state.deleted_at) {
    out.text(deleted_key);
    out.time(*state.deleted_at);
  }
  out.text(sequence_key);
  out.number(sequence);
  out.text("}");
}

bool equal_ignoring_case(std::string_view a, std::string_view lower) noexcept {
  if (a.size() != lower.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] + ('a' - 'A')) : a[i];
    if (c != lower[i]) return false;
  }
  return true;
}

constexpr std::string_view id_key = "{\"id\":\"";
constexpr std::string_view owner_key = "\",\"owner\":\"";
constexpr std::string_view system_key = "\",\"systemId\":\"";
constexpr std::string_view operation_key = "\",\"operationId\":\"";
constexpr std::string_view acted_upon_key = "\",\"actedUpon\":\"";
constexpr std::string_view audience_member = "\",\"audience\":\"everyone";
constexpr std::string_view category_key = "\",\"category\":\"";
constexpr std::string_view action_key = "\",\"action\":\"";
constexpr std::string_view severity_key = "\",\"severity\":\"";
constexpr std::string_view description_key = "\",\"description\":\"";
constexpr std::string_view metadata_key = "\",\"metadata\":";
constexpr std::size_t body_fixed_bytes =
    id_key.size() + owner_key.size() + system_key.size() + operation_key.size() +
    acted_upon_key.size() + 5 * uuid_text_bytes + category_key.size() + action_key.size() +
    severity_key.size() + description_key.size() + metadata_key.size();

std::size_t body_bytes(const detail::EventParts& parts) noexcept {
  return body_fixed_bytes + parts.category.size() + parts.action.size() +
         to_string(parts.severity).size() + parts.description_json.size() +
         parts.metadata_json.size() +
         (parts.audience == Audience::everyone ? audience_member.size() : 0);
}

/// Writes the immutable part of the JSON; points `view` and the result (the
/// metadata) into it.
std::string_view write_body(char* begin, const detail::EventParts& parts, EventView& view) {
  Writer out{begin};
  out.text(id_key);
  out.uuid(parts.id);
  out.text(owner_key);
  out.uuid(parts.owner);
  out.text(system_key);
  out.uuid(parts.system_id);
  out.text(operation_key);
  out.uuid(parts.operation_id);
  out.text(acted_upon_key);
  out.uuid(parts.acted_upon);
  if (parts.audience == Audience::everyone) out.text(audience_member);
  out.text(category_key);
  view.category = out.text(parts.category);
  out.text(action_key);
  view.action = out.text(parts.action);
  out.text(severity_key);
  out.text(to_string(parts.severity));
  out.text(description_key);
  view.description_json = out.text(parts.description_json);
  out.text(metadata_key);
  const auto metadata = out.text(parts.metadata_json);
  view.body_json = {begin, static_cast<std::size_t>(out.end() - begin)};
  return metadata;
}

}  // namespace

std::string_view to_string(Severity severity) noexcept {
  return severity_words[static_cast<std::size_t>(severity)];
}

std::string_view to_string(Status status) noexcept {
  return status_words[static_cast<std::size_t>(status)];
}

std::optional<Severity> parse_severity(std::string_view text) noexcept {
  for (const auto severity : all_severities)
    if (equal_ignoring_case(text, to_string(severity))) return severity;
  if (equal_ignoring_case(text, "info")) return Severity::informational;
  if (equal_ignoring_case(text, "warn")) return Severity::warning;
  return std::nullopt;
}

std::optional<Status> parse_status(std::string_view text) noexcept {
  for (const auto status : {Status::unread, Status::read})
    if (equal_ignoring_case(text, to_string(status))) return status;
  return std::nullopt;
}

void append_event_tail(std::string& out,
                       const EventState& state,
                       Timestamp created_at,
                       Sequence sequence) {
  const auto before = out.size();
  out.resize(before + tail_bytes_max);
  Writer writer{out.data() + before};
  write_tail(writer, state, created_at, sequence);
  out.resize(static_cast<std::size_t>(writer.end() - out.data()));
}

std::string Event::description() const {
  return unescape_json(view_.description_json);
}

void Event::release(std::uint32_t references) const noexcept {
  // E2 acq_rel: release orders this holder's reads before the last holder's
  // destruction; acquire lets the last holder see them all.
  if (references_.fetch_sub(references, std::memory_order_acq_rel) != references) return;
  auto* self = const_cast<Event*>(this);
  auto& pool = *pool_->impl_;
  const auto size_class = size_class_;
  const auto bytes = footprint_bytes_;
  self->~Event();
  pool.release(self, size_class, bytes);
}

namespace detail {

NewEvent EventAccess::create(EventPool& pool, const EventParts& parts) {
  const auto text_bytes = body_bytes(parts) + tail_bytes_max;
  const auto block = pool.impl_->allocate(sizeof(Event) + text_bytes);
  auto* event = new (block.memory) Event;
  event->pool_ = &pool;
  event->size_class_ = block.size_class;
  event->footprint_bytes_ = block.bytes;
  event->id_from_publisher_ = parts.id_from_publisher;
  event->text_ = static_cast<char*>(block.memory) + sizeof(Event);
  auto& view = event->view_;
  view.id = parts.id;
  view.owner = parts.owner;
  view.system_id = parts.system_id;
  view.operation_id = parts.operation_id;
  view.acted_upon = parts.acted_upon;
  view.severity = parts.severity;
  view.audience = parts.audience;
  view.initial_status = parts.status;
  event->metadata_json_ = write_body(event->text_, parts, view);
  return NewEvent{event};
}

void EventAccess::sequence(Event& event, Sequence sequence, Timestamp at) noexcept {
  CARILLON_ASSERT(event.view_.sequence == 0, "an event is sequenced once");
  event.view_.sequence = sequence;
  event.view_.created_at = at;
  Writer out{event.text_ + event.view_.body_json.size()};
  write_tail(out, {.status = event.view_.initial_status, .updated_at = at, .deleted_at = {}}, at,
             sequence);
  event.json_bytes_ = static_cast<std::uint32_t>(out.end() - event.text_);
}

}  // namespace detail
}  // namespace carillon::engine
