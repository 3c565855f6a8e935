#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/rows.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// Rows that retention finds its work by. README, "Retention", has the layout.
///
/// Events are walked by age along the rows of `ids`, because an id of ours begins with
/// the time. Those whose id says nothing about their age have a row of their own.

/// Whether the id's time is the event's, within a second; true of nearly all ids of ours.
[[nodiscard]] bool id_tells_age(const engine::EventId& id, engine::Timestamp created_at) noexcept;

/// The time in a UUIDv7, in milliseconds since 1970; nullopt for another version.
[[nodiscard]] std::optional<std::uint64_t> time_of_id(const engine::EventId& id) noexcept;
[[nodiscard]] std::uint64_t milliseconds(engine::Timestamp time) noexcept;

inline constexpr std::string_view age_prefix = "\x01";
inline constexpr std::string_view deletion_prefix = "\x02";
inline constexpr std::string_view mark_prefix = "\x03";

/// meta: an event by its time, if its id does not tell that.
[[nodiscard]] std::string age_key(engine::Timestamp created_at,
                                  engine::Sequence event,
                                  const engine::UserId& holder);
/// meta: an own event that its user deleted.
[[nodiscard]] std::string deletion_key(engine::Timestamp deleted_at,
                                       engine::Sequence event,
                                       const engine::UserId& user);
/// meta: a broadcast that a user marked.
[[nodiscard]] std::string mark_key(engine::Sequence broadcast, const engine::UserId& user);
[[nodiscard]] engine::UserId user_of_mark(std::string_view key) noexcept;

/// The place that age_key and deletion_key name.
struct TimedEvent {
  std::uint64_t time = 0;  ///< milliseconds; of a deletion microseconds
  engine::UserId holder{};
  engine::Sequence sequence = 0;
};
[[nodiscard]] std::optional<TimedEvent> parse_timed_key(std::string_view key) noexcept;
/// Where rows from this time on begin.
[[nodiscard]] std::string timed_key_from(std::string_view prefix, std::uint64_t time);
/// The same of `ids`.
[[nodiscard]] std::string id_key_from(std::uint64_t time_ms);

/// counts: how far retention took something from this owner, in `Counters::last`.
[[nodiscard]] std::string horizon_key(const engine::UserId& owner);
/// Whoever has a position at or above both parts misses nothing.
[[nodiscard]] engine::Result<engine::Position> read_horizon(const Rows& rows,
                                                            const engine::UserId& user);

/// What `retention_bytes` counts of an event: key and value of its row.
[[nodiscard]] constexpr std::uint64_t stored_bytes(std::size_t row_bytes) noexcept {
  return 24 + row_bytes;
}

/// The row of meta that says how far retention is. Each commit writes it; a store in
/// which the latest commit did not (an older program, or none) is looked through anew.
struct RetentionRecord {
  /// A look at every event of the store, user by user.
  enum class Sweep : std::uint8_t {
    none,      ///< done
    events,    ///< adopts events: counts them, and writes the rows that they lack
    states,    ///< the same of what users made of them
    counting,  ///< looks for users with more events than they may have
  };

  std::uint64_t commits = 0;  ///< number of the commit that it belongs to
  std::uint64_t events = 0;   ///< that are stored, deleted ones included
  std::uint64_t bytes = 0;    ///< stored_bytes of those
  /// Nothing that is kept is older; milliseconds. Spares a walk the erased rows.
  std::uint64_t oldest_ms = 0;
  std::uint64_t oldest_deletion_us = 0;  ///< the same of deletions
  Sweep sweep = Sweep::none;
  engine::UserId sweep_user{};  ///< the next one to look at
  engine::Sequence sweep_sequence = 0;
  engine::Sequence adopt_below = 0;  ///< later events were counted by their commits
  std::uint64_t counted_for = 0;     ///< events a user may have, when all were looked at; 0: never
  bool users_waiting = false;        ///< some had too many events when it was written
};
inline constexpr std::string_view meta_retention = "retention";
[[nodiscard]] std::string encode_retention(const RetentionRecord& record);
/// The record if it is there and belongs to this commit.
[[nodiscard]] engine::Result<std::optional<RetentionRecord>> read_retention(const Rows& rows,
                                                                            std::uint64_t commits);

}  // namespace carillon::persistence
