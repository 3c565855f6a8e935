#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/event_pool.hpp"
#include "carillon/engine/ids.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::engine {

/// One thing that is wrong with an event: which field, and what would be right.
struct Fault {
  std::string field{};  ///< its name on the wire
  std::string error{};  ///< one sentence

  /// Same field and same sentence.
  friend bool operator==(const Fault&, const Fault&) = default;
};

/// Limits of an event's fields. Source: the product's contract (README, "Event").
inline constexpr std::size_t kind_bytes_max = 500;           ///< category, action
inline constexpr std::size_t description_chars_max = 5'000;  ///< Unicode code points
inline constexpr std::size_t nesting_levels_max = 64;        ///< of the JSON text

/// A built event, or every fault that kept it from being built.
class [[nodiscard]] BuildResult {
 public:
  /// A success.
  explicit BuildResult(NewEvent event) : event_{std::move(event)} {}
  /// A failure; `faults` is not empty.
  explicit BuildResult(std::vector<Fault> faults) : faults_{std::move(faults)} {}

  /// Whether the event was built.
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(event_); }
  /// The event, to be published; empty after a failure.
  [[nodiscard]] NewEvent& operator*() noexcept { return event_; }
  /// Everything that was wrong; empty after a success.
  [[nodiscard]] const std::vector<Fault>& faults() const noexcept { return faults_; }

 private:
  NewEvent event_{};
  std::vector<Fault> faults_{};
};

/// Makes events; the calls chain, `build` validates and reports all faults.
///
///   auto built = broadcaster.event()
///                    .from_user(user)
///                    .with_category("pattern").with_action("deploy")
///                    .with_severity(Severity::success)
///                    .with_description("Pattern deployed")
///                    .build();
///   if (built) broadcaster.publish(*built);
///
/// A builder that is reused keeps what it checked and encoded: as long as only ids
/// change (owner, system, resource, operation, id), the next build() copies it
/// and allocates nothing but the event's block. Keep one per thread and kind of
/// event where the rate matters.
///
/// Threads   One thread at a time. The builder may be reused after build().
class EventBuilder {
 public:
  /// The pool must outlive the builder and its events.
  explicit EventBuilder(EventPool& pool) noexcept;
  /// The moved-from builder may only be destroyed or assigned to.
  EventBuilder(EventBuilder&& other) noexcept;
  /// As the move constructor.
  EventBuilder& operator=(EventBuilder&& other) noexcept;
  ~EventBuilder();

  /// The resource that the event is about; nil if not called.
  EventBuilder& acted_upon(const Uuid& resource);
  /// The user that owns the event and whose subscribers receive it.
  EventBuilder& from_user(const UserId& owner);
  /// The system that it comes from; Broadcaster::event() has set its own.
  EventBuilder& from_system(const Uuid& system_id);
  /// First half of the event's kind: snake_case, at most `kind_bytes_max` bytes.
  EventBuilder& with_category(std::string_view category);
  /// Second half of the event's kind; the rules of the first.
  EventBuilder& with_action(std::string_view action);
  /// How serious it is.
  EventBuilder& with_severity(Severity severity);
  /// As a publisher wrote it; an unknown word becomes a fault of build().
  EventBuilder& with_severity(std::string_view severity);
  /// For a person to read: at most `description_chars_max` code points.
  EventBuilder& with_description(std::string_view utf8);
  /// A JSON object as text, kept as given apart from insignificant white space.
  EventBuilder& with_metadata(std::string_view json_object);
  /// State in which the event enters the inbox; unread if not called.
  EventBuilder& with_status(Status status);
  EventBuilder& with_operation(const Uuid& operation_id);  ///< random if nil or not called
  /// An id that the publisher chose: publishing the same id of one owner again
  /// changes nothing and is acknowledged as a duplicate. UUIDv7 if nil or not
  /// called.
  EventBuilder& with_id(const EventId& id);
  /// Whom it is for; `everyone` makes it a broadcast. `user` if not called.
  EventBuilder& for_audience(Audience audience);

  /// Category, action, severity are required; a user event needs an owner.
  [[nodiscard]] BuildResult build();

 private:
  struct Kept;  // what a second build() needs not do again

  /// Checks and encodes everything; false with faults.
  [[nodiscard]] bool prepare(std::vector<Fault>& faults);

  EventPool* pool_;
  std::unique_ptr<Kept> kept_{};
  bool prepared_ = false;
  std::optional<EventId> id_{};
  UserId owner_{};
  Uuid system_id_{};
  std::optional<Uuid> operation_id_{};
  Uuid acted_upon_{};
  std::string category_{};
  std::string action_{};
  std::optional<Severity> severity_{};
  std::string severity_text_{};  // what could not be read, for the fault
  std::string description_{};
  std::string metadata_{};
  Status status_ = Status::unread;
  Audience audience_ = Audience::user;
};

}  // namespace carillon::engine
