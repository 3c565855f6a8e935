#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/counters.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/rows.hpp"

#include <memory>
#include <optional>
#include <string>

namespace carillon::persistence {

/// An event of an inbox as it is for this user.
struct InboxRow {
  StoredEvent event;
  engine::EventState state;

  [[nodiscard]] bool broadcast() const noexcept {
    return event.audience == engine::Audience::everyone;
  }
};

/// Walks one user's inbox in the order of sequences: its own events and the
/// broadcasts, each with this user's state, without what it deleted.
///
/// Three ranges merged (own events, broadcasts, the user's state), so an event
/// costs no lookup of its own. One thread; the Rows must outlive it.
class InboxScan {
 public:
  /// Begins at `start` in this direction, a cut behind these sequences: ascending with what
  /// is later, descending with what is not. Without it at the very end of the inbox that
  /// the direction begins with.
  InboxScan(const Rows& rows,
            const engine::UserId& user,
            Direction direction,
            const std::optional<engine::Position>& start = {});

  /// The next event, or null at the end or after a fault: see outcome(). Its
  /// texts are valid until the next call.
  [[nodiscard]] const InboxRow* next();
  [[nodiscard]] const engine::Result<void>& outcome() const noexcept { return outcome_; }

 private:
  [[nodiscard]] RowIterator* front();
  [[nodiscard]] bool read_event(const RowIterator& at);
  [[nodiscard]] bool read_state(engine::Sequence sequence);
  [[nodiscard]] bool before(engine::Sequence a, engine::Sequence b) const noexcept {
    return direction_ == Direction::ascending ? a < b : a > b;
  }

  Direction direction_;
  std::unique_ptr<RowIterator> own_;  // null for the nil user, who owns nothing
  std::unique_ptr<RowIterator> broadcasts_;
  std::unique_ptr<RowIterator> states_;  // as own_
  RowIterator* taken_ = nullptr;         // whose row the caller still looks at
  InboxRow row_;
  engine::Result<void> outcome_;
};

/// An event found by its id, with the bytes that its view borrows from.
struct FoundEvent {
  std::string bytes;
  InboxRow row;
};

/// The event that `owner` (nil: the broadcasts) has under this id, with the
/// state that it has for `user`; deleted or not. nullopt: there is none.
[[nodiscard]] engine::Result<std::optional<FoundEvent>> find_event(const Rows& rows,
                                                                   const engine::UserId& owner,
                                                                   const engine::UserId& user,
                                                                   const engine::EventId& id);

/// The event that this id means in the user's inbox: its own, else a broadcast;
/// never a deleted one.
[[nodiscard]] engine::Result<std::optional<FoundEvent>> find_in_inbox(const Rows& rows,
                                                                      const engine::UserId& user,
                                                                      const engine::EventId& id);

/// What a user's inbox holds, and how far it goes. O(1).
struct InboxCounts {
  Counters counters;
  engine::Position position;
  [[nodiscard]] std::uint64_t total() const noexcept;
};
[[nodiscard]] engine::Result<InboxCounts> read_counts(const Rows& rows, const engine::UserId& user);

/// Adds the row of `counts` or `kinds` under this key, if it is there.
[[nodiscard]] engine::Result<void> add_row(const Rows& rows,
                                           Table table,
                                           std::string_view key,
                                           Counters& into);

[[nodiscard]] engine::Error damaged(std::string_view what, std::string_view key);

}  // namespace carillon::persistence
