#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/engine/timestamp.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace carillon::engine {

/// How serious an event is, in the alphabetical order of the words on the wire.
enum class Severity : std::uint8_t {
  alert,          ///< must be seen to at once
  critical,       ///< a failure that other things depend on
  debug,          ///< for developers
  emergency,      ///< the system is unusable
  error,          ///< something failed
  informational,  ///< something happened
  success,        ///< something worked
  warning,        ///< something may fail
};
/// Number of severities.
inline constexpr std::size_t severity_count = 8;
/// Each severity, in the order of its number.
inline constexpr std::array<Severity, severity_count> all_severities{
    Severity::alert, Severity::critical,      Severity::debug,   Severity::emergency,
    Severity::error, Severity::informational, Severity::success, Severity::warning};

/// What its user did with an event.
enum class Status : std::uint8_t {
  unread,  ///< nothing yet
  read,    ///< has seen it
};
/// Number of statuses.
inline constexpr std::size_t status_count = 2;

/// The word on the wire: "alert" … "warning"; "unread", "read".
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;
/// The word on the wire.
[[nodiscard]] std::string_view to_string(Status status) noexcept;
/// Reads a severity as publishers may write it: case is ignored, `info` and
/// `warn` are `informational` and `warning`.
[[nodiscard]] std::optional<Severity> parse_severity(std::string_view text) noexcept;
/// Reads a status as publishers may write it: case is ignored.
[[nodiscard]] std::optional<Status> parse_status(std::string_view text) noexcept;

/// Whom an event is for: its owner's subscribers, or everyone (a broadcast).
enum class Audience : std::uint8_t {
  user,      ///< the owner's subscribers
  everyone,  ///< every subscriber of the server
};

/// What of an event may change after it was published. One per user and event.
struct EventState {
  Status status = Status::unread;         ///< read or unread
  Timestamp updated_at{};                 ///< of the latest change, or of the event itself
  std::optional<Timestamp> deleted_at{};  ///< if it is deleted
};

/// One event as a bundle of borrowed fields: the common language of live
/// events and stored ones, for filters and stores. Valid as long as its source.
struct EventView {
  // What a shard touches for every event comes first: in an Event these five
  // share a cache line with what else it needs (see Event).
  Sequence sequence = 0;                        ///< 0 before it is sequenced
  Timestamp created_at{};                       ///< when it was sequenced
  Severity severity = Severity::informational;  ///< how serious it is
  Audience audience = Audience::user;           ///< whom it is for
  Status initial_status = Status::unread;       ///< in which it enters the inbox
  UserId owner{};                               ///< whose it is
  EventId id{};                                 ///< unique for its owner
  Uuid system_id{};                             ///< where it comes from
  Uuid operation_id{};                          ///< common to events of one operation
  Uuid acted_upon{};                            ///< the resource that it is about
  std::string_view category{};                  ///< first half of its kind
  std::string_view action{};                    ///< second half of its kind
  /// Description as it stands between the quotes of the JSON text (escaped).
  std::string_view description_json{};
  /// `{"id":…,"metadata":{…}`: everything that never changes, without the
  /// closing brace; `append_event_tail` completes it.
  std::string_view body_json{};
};

/// Completes a `body_json`: appends `,"status":…,"createdAt":…,"updatedAt":…`,
/// `,"deletedAt":…` if deleted, `,"sequence":…}`.
void append_event_tail(std::string& out,
                       const EventState& state,
                       Timestamp created_at,
                       Sequence sequence);

class EventPool;

namespace detail {
struct EventAccess;
class Mailbox;

/// What a mailbox can carry: events and commands, linked through themselves.
/// 64-byte alignment leaves room for the mailbox's generation (mailbox.hpp).
struct alignas(64) Node {
  enum class Kind : std::uint8_t { event, change, join, leave, resume, lookup_done };

  explicit Node(Kind node_kind) noexcept : kind{node_kind} {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Written by whoever owns the node at that moment: the publisher before the
  /// push, the shard after the take.
  Node* next = nullptr;
  /// Where the second, fourth and eighth node before this one may be: to be
  /// prefetched only, never followed (mailbox.hpp).
  std::array<const void*, 3> hints{};
  /// The mailbox against whose bound it counts, or null.
  Mailbox* counted_in = nullptr;
  Kind kind;

 protected:
  ~Node() = default;
};
}  // namespace detail

class AckSink;

/// One immutable occurrence, in one pooled block with its encoded JSON.
///
/// Role      Made by EventBuilder or EventParser, published once, then shared by
///           subscriptions, write-behind and acknowledgements.
/// Threads   Every accessor: any thread that holds an EventRef, and sinks during
///           a call that lends the event. Before publishing: the builder's thread.
/// Lifetime  Counted; the block returns to its EventPool with the last EventRef.
///           The pool must outlive all its events.
/// Invariant After sequencing nothing but the reference count changes.
class Event final : public detail::Node {
 public:
  /// EventView::id.
  [[nodiscard]] const EventId& id() const noexcept { return view_.id; }
  /// EventView::owner.
  [[nodiscard]] const UserId& owner() const noexcept { return view_.owner; }
  /// EventView::system_id.
  [[nodiscard]] const Uuid& system_id() const noexcept { return view_.system_id; }
  /// EventView::operation_id.
  [[nodiscard]] const Uuid& operation_id() const noexcept { return view_.operation_id; }
  /// EventView::acted_upon.
  [[nodiscard]] const Uuid& acted_upon() const noexcept { return view_.acted_upon; }
  /// EventView::category.
  [[nodiscard]] std::string_view category() const noexcept { return view_.category; }
  /// EventView::action.
  [[nodiscard]] std::string_view action() const noexcept { return view_.action; }
  /// EventView::severity.
  [[nodiscard]] Severity severity() const noexcept { return view_.severity; }
  /// EventView::audience.
  [[nodiscard]] Audience audience() const noexcept { return view_.audience; }
  /// 0 before the shard sequenced the event.
  [[nodiscard]] Sequence sequence() const noexcept { return view_.sequence; }
  /// The epoch of the clock before the shard sequenced the event.
  [[nodiscard]] Timestamp created_at() const noexcept { return view_.created_at; }
  /// EventView::initial_status.
  [[nodiscard]] Status initial_status() const noexcept { return view_.initial_status; }
  [[nodiscard]] std::string description() const;  ///< decoded, UTF-8
  /// A JSON object as text, `{}` if none was given.
  [[nodiscard]] std::string_view metadata_json() const noexcept { return metadata_json_; }
  /// The fields, valid as long as the event.
  [[nodiscard]] const EventView& view() const noexcept { return view_; }
  /// Its id is the publisher's idempotency key, so it is looked up before it
  /// gets its place in the order.
  [[nodiscard]] bool id_from_publisher() const noexcept { return id_from_publisher_; }

  /// The whole event as the wire shows it, `sequence` included. Empty before
  /// the event is sequenced.
  [[nodiscard]] std::string_view json() const noexcept {
    return {view_.body_json.data(), json_bytes_};
  }

  /// Bytes that this event occupies, for accounting.
  [[nodiscard]] std::size_t footprint_bytes() const noexcept { return footprint_bytes_; }

 private:
  friend struct detail::EventAccess;
  friend class EventRef;

  Event() noexcept : Node{Kind::event} {}
  ~Event() = default;

  void release(std::uint32_t references) const noexcept;  // frees with the last

  // With the node in front, what a shard touches for every event is in the first
  // two cache lines; the rest is for filters, stores and readers.
  std::uint8_t size_class_ = 0;
  bool ack_at_sequencing_ = false;
  bool id_from_publisher_ = false;
  bool claimed_ = false;  // shard: its publisher's id is being looked up or committed
  mutable std::atomic<std::uint32_t> references_{1};
  std::uint32_t footprint_bytes_ = 0;
  std::uint32_t body_bytes_ = 0;  // of the JSON without what sequencing adds
  std::uint32_t json_bytes_ = 0;  // 0 until sequenced
  // Not side by side: copied as one 16-byte word just after they were written as two,
  // they would wait until the whole block has reached the cache.
  AckSink* ack_sink_ = nullptr;
  EventPool* pool_ = nullptr;
  std::uint64_t ack_token_ = 0;
  EventView view_;
  std::string_view metadata_json_{};
};

/// Counted handle to an immutable event. Copying adds a reference (one relaxed
/// increment); distinct handles may be used from different threads.
class EventRef {
 public:
  EventRef() noexcept = default;
  /// One more reference.
  EventRef(const EventRef& other) noexcept : event_{other.event_} { add(); }
  /// The moved-from handle is empty.
  EventRef(EventRef&& other) noexcept : event_{std::exchange(other.event_, nullptr)} {}
  /// Gives up the reference that it held.
  EventRef& operator=(EventRef other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }
  ~EventRef() {
    if (event_ != nullptr) event_->release(1);
  }

  /// A new reference to an event that somebody lends (a sink during its call).
  [[nodiscard]] static EventRef share(const Event& event) noexcept {
    EventRef ref;
    ref.event_ = &event;
    ref.add();
    return ref;
  }
  /// Takes over a reference that the caller already owns.
  [[nodiscard]] static EventRef adopt(const Event* event) noexcept {
    EventRef ref;
    ref.event_ = event;
    return ref;
  }
  /// Gives the reference to the caller; adopt() takes it back.
  [[nodiscard]] const Event* detach() noexcept { return std::exchange(event_, nullptr); }

  /// Whether there is an event.
  [[nodiscard]] explicit operator bool() const noexcept { return event_ != nullptr; }
  /// The event, or null; the reference stays here.
  [[nodiscard]] const Event* get() const noexcept { return event_; }
  /// The event; there must be one.
  const Event& operator*() const noexcept { return *event_; }
  /// Into the event; there must be one.
  const Event* operator->() const noexcept { return event_; }

 private:
  void add() const noexcept {
    // E1 relaxed: whoever adds a reference already holds one, so nothing is
    // published here; release() orders the end of life.
    if (event_ != nullptr) event_->references_.fetch_add(1, std::memory_order_relaxed);
  }

  const Event* event_ = nullptr;
};

/// An event that is built but not yet published: exactly one owner, so that an
/// event can't be published twice. Move-only; one thread at a time.
class NewEvent {
 public:
  NewEvent() noexcept = default;
  /// The moved-from one is empty.
  NewEvent(NewEvent&& other) noexcept = default;
  /// Drops the event that it held.
  NewEvent& operator=(NewEvent&& other) noexcept = default;

  /// Whether there is an event: not after it was published.
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(event_); }
  /// The event; there must be one.
  const Event& operator*() const noexcept { return *event_; }
  /// Into the event; there must be one.
  const Event* operator->() const noexcept { return event_.get(); }

 private:
  friend struct detail::EventAccess;
  explicit NewEvent(Event* event) noexcept : event_{EventRef::adopt(event)} {}

  EventRef event_{};
};

}  // namespace carillon::engine
