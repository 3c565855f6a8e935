#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/sink.hpp"

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

namespace carillon::engine {

/// An event, with what a consumer needs to go on from it.
struct ReceivedEvent {
  EventRef event{};     ///< never empty
  Position position{};  ///< of the subscription after this event
  /// Overflow::latest: older states of the same thing that this event replaced.
  std::uint64_t superseded = 0;
};

/// Events were skipped, because the consumer was behind: those after `from`, up
/// to and including `to`. What the inbox holds of this range, and passes the
/// filter, is what was missed.
struct Gap {
  Position from{};           ///< the last that was not skipped
  Position to{};             ///< the last that was skipped
  std::uint64_t events = 0;  ///< how many that pass the filter

  /// Whether all three are equal.
  friend bool operator==(const Gap&, const Gap&) = default;
};

/// Nothing follows.
struct End {
  EndReason reason = EndReason::cancelled;  ///< why
  /// Of the last event or gap before the end, or of the start if there was none:
  /// with the epoch, the cursor to resume from. Empty if the subscription ended
  /// before it had a place in the order.
  std::optional<Position> position{};

  /// Whether both are equal.
  friend bool operator==(const End&, const End&) = default;
};

/// What a consumer gets: an event, a gap, the end, or nothing (the queue was
/// empty, the deadline passed).
///
///   while (true) {
///     const auto received = subscription.next();
///     if (const auto* one = received.event()) use(*one->event);
///     if (const auto* gap = received.gap()) read_from_inbox(gap->from, gap->to);
///     if (received.end() != nullptr) break;
///   }
class Received {
 public:
  Received() noexcept = default;
  /// An event.
  explicit Received(ReceivedEvent event) noexcept : what_{std::move(event)} {}
  /// A gap.
  explicit Received(const Gap& gap) noexcept : what_{gap} {}
  /// The end.
  explicit Received(const End& end) noexcept : what_{end} {}

  /// Whether anything came, be it the end.
  [[nodiscard]] explicit operator bool() const noexcept { return what_.index() != 0; }
  /// Null if it is something else.
  [[nodiscard]] const ReceivedEvent* event() const noexcept {
    return std::get_if<ReceivedEvent>(&what_);
  }
  /// Null if it is something else.
  [[nodiscard]] const Gap* gap() const noexcept { return std::get_if<Gap>(&what_); }
  /// Null if it is something else.
  [[nodiscard]] const End* end() const noexcept { return std::get_if<End>(&what_); }

 private:
  std::variant<std::monostate, ReceivedEvent, Gap, End> what_{};
};

}  // namespace carillon::engine
