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
/// Of an event that nobody has changed yet.
constexpr std::size_t first_tail_bytes_max = status_key.size() + 6 + created_key.size() +
                                             updated_key.size() + 2 * timestamp_text_bytes +
                                             sequence_key.size() + sequence_digits_max + 1;
constexpr std::size_t tail_bytes_max =
    first_tail_bytes_max + deleted_key.size() + timestamp_text_bytes;

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

void write_until_sequence(Writer& out, const EventState& state, Timestamp created_at) noexcept {
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
}

void write_tail(Writer& out,
                const EventState& state,
                Timestamp created_at,
                Sequence sequence) noexcept {
  write_until_sequence(out, state, created_at);
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
namespace {

/// Where each UUID's text stands in a body: the five come first, in this order.
constexpr std::size_t id_at = id_key.size();
constexpr std::size_t owner_at = id_at + uuid_text_bytes + owner_key.size();
constexpr std::size_t system_at = owner_at + uuid_text_bytes + system_key.size();
constexpr std::size_t operation_at = system_at + uuid_text_bytes + operation_key.size();
constexpr std::size_t acted_upon_at = operation_at + uuid_text_bytes + acted_upon_key.size();

EventView view_of(const EventParts& parts) noexcept {
  EventView view;
  view.id = parts.id;
  view.owner = parts.owner;
  view.system_id = parts.system_id;
  view.operation_id = parts.operation_id;
  view.acted_upon = parts.acted_upon;
  view.severity = parts.severity;
  view.audience = parts.audience;
  view.initial_status = parts.status;
  return view;
}

}  // namespace

void prepare(PreparedEvent& prepared, const EventParts& parts) {
  prepared.body.resize(body_bytes(parts));
  prepared.view = view_of(parts);
  prepared.metadata_json = write_body(prepared.body.data(), parts, prepared.view);
  prepared.id_from_publisher = parts.id_from_publisher;
}

void set_owner(PreparedEvent& prepared, const UserId& owner) noexcept {
  prepared.view.owner = owner;
  format_uuid(owner, prepared.body.data() + owner_at);
}

void set_system(PreparedEvent& prepared, const Uuid& system_id) noexcept {
  prepared.view.system_id = system_id;
  format_uuid(system_id, prepared.body.data() + system_at);
}

void set_acted_upon(PreparedEvent& prepared, const Uuid& acted_upon) noexcept {
  prepared.view.acted_upon = acted_upon;
  format_uuid(acted_upon, prepared.body.data() + acted_upon_at);
}

void UnreadTail::set_time(Timestamp at) noexcept {
  at_ = at;
  Writer out{text_.data()};
  write_until_sequence(out, {.status = Status::unread, .updated_at = at, .deleted_at = {}}, at);
  bytes_ = static_cast<std::size_t>(out.end() - text_.data());
}

/// Begins an event at the start of its block.
template <class Block>
Event* EventAccess::place(EventPool& pool, const Block& block) noexcept {
  auto* event = new (block.memory) Event;
  event->pool_ = &pool;
  event->size_class_ = block.size_class;
  event->footprint_bytes_ = block.bytes;
  return event;
}

std::size_t EventAccess::bytes_of(std::size_t body_bytes) noexcept {
  return sizeof(Event) + tail_at(body_bytes) + first_tail_bytes_max;
}

NewEvent EventAccess::fill(Event* event, const EventParts& parts) {
  event->id_from_publisher_ = parts.id_from_publisher;
  event->view_ = view_of(parts);
  event->body_bytes_ = static_cast<std::uint32_t>(body_bytes(parts));
  event->metadata_json_ = write_body(text_of(event), parts, event->view_);
  return NewEvent{event};
}

NewEvent EventAccess::create(EventPool& pool, const EventParts& parts) {
  const auto bytes = bytes_of(body_bytes(parts));
  return fill(place(pool, pool.impl_->allocate(bytes)), parts);
}

NewEvent EventAccess::create(EventPool& pool, BlockCache& cache, const EventParts& parts) {
  const auto bytes = bytes_of(body_bytes(parts));
  return fill(place(pool, cache.allocate(bytes)), parts);
}

NewEvent EventAccess::copy(EventPool& pool, BlockCache& cache, const PreparedEvent& prepared) {
  const auto& body = prepared.body;
  auto* event = place(pool, cache.allocate(bytes_of(body.size())));
  auto* text = text_in(event, body.size());
  const auto moved = [text, &body](std::string_view part) {
    return std::string_view{text + (part.data() - body.data()), part.size()};
  };
  const auto& from = prepared.view;
  event->id_from_publisher_ = prepared.id_from_publisher;
  event->body_bytes_ = static_cast<std::uint32_t>(body.size());
  event->view_ = {.severity = from.severity,
                  .audience = from.audience,
                  .initial_status = from.initial_status,
                  .owner = from.owner,
                  .id = {},
                  .system_id = from.system_id,
                  .operation_id = {},
                  .acted_upon = from.acted_upon,
                  .category = moved(from.category),
                  .action = moved(from.action),
                  .description_json = moved(from.description_json),
                  .body_json = {text, body.size()}};
  event->metadata_json_ = moved(prepared.metadata_json);
  std::memcpy(text, body.data(), body.size());
  return NewEvent{event};
}

void EventAccess::set_ids(NewEvent& made, EventId id, Uuid operation_id) noexcept {
  auto& event = const_cast<Event&>(*made);
  event.view_.id = id;
  event.view_.operation_id = operation_id;
  format_uuid(id, text_of(&event) + id_at);
  format_uuid(operation_id, text_of(&event) + operation_at);
}

void EventAccess::sequence(Event& event, Sequence sequence, Timestamp at) noexcept {
  CARILLON_ASSERT(event.view_.sequence == 0, "an event is sequenced once");
  event.view_.sequence = sequence;
  event.view_.created_at = at;
  Writer out{text_of(&event) + event.body_bytes_};
  write_tail(out, {.status = event.view_.initial_status, .updated_at = at, .deleted_at = {}}, at,
             sequence);
  event.json_bytes_ = static_cast<std::uint32_t>(out.end() - text_of(&event));
}

void EventAccess::sequence(Event& event, Sequence sequence, const UnreadTail& tail) noexcept {
  if (event.view_.initial_status != Status::unread)
    return EventAccess::sequence(event, sequence, tail.time());
  CARILLON_ASSERT(event.view_.sequence == 0, "an event is sequenced once");
  event.view_.sequence = sequence;
  event.view_.created_at = tail.time();
  Writer out{text_of(&event) + event.body_bytes_};
  out.text(tail.text());
  out.number(sequence);
  out.text("}");
  event.json_bytes_ = static_cast<std::uint32_t>(out.end() - text_of(&event));
}

void EventAccess::release_into(BlockCache& cache, const Event* event) noexcept {
  // E3 acquire: as E2. One reference is left, the caller's, so nobody can add
  // another: no read-modify-write is needed.
  if (event->references_.load(std::memory_order_acquire) != 1) return event->release(1);
  auto* self = const_cast<Event*>(event);
  const auto size_class = event->size_class_;
  const auto bytes = event->footprint_bytes_;
  self->~Event();
  cache.release(self, size_class, bytes);
}

}  // namespace detail
}  // namespace carillon::engine
