#pragma once

#include "carillon/engine/event.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace carillon::persistence {

/// How long a store keeps events. 0 stands for no bound.
struct RetentionOptions {
  /// Events older than this leave: by `createdAt`, each user's oldest first.
  std::chrono::milliseconds age{0};

  /// Events that one user's inbox keeps, deleted ones that are not purged yet included; the
  /// broadcasts are bounded alike, as one order of their own. The oldest leave.
  std::uint64_t events_per_user = 0;

  /// Bytes of all events, as the rows that hold them (RocksDB: before compression; rows of ids,
  /// counts and states come on top. PostgreSQL: texts and 136 bytes a row; indexes come on
  /// top). The oldest of all users leave.
  std::uint64_t bytes = 0;

  /// An event that its user deleted is removed for good so long after that. Until then a
  /// publisher's id of it is known, and a subscriber that resumes learns of the deletion;
  /// 30 days, as long as a client may reasonably have been away.
  std::chrono::milliseconds purge_deleted_after{std::chrono::hours{24 * 30}};

  friend bool operator==(const RetentionOptions&, const RetentionOptions&) = default;
};

/// Why an event was removed.
enum class RemovalReason : std::uint8_t { age, count, bytes, deleted };
inline constexpr std::size_t removal_reason_count = 4;

/// What one slice of retention leaves to do.
struct RetentionStep {
  bool more = false;    ///< there is work that is due now
  bool behind = false;  ///< and it is far beyond a bound
  /// When the next event falls due by its age or deletion, if that is known.
  std::optional<engine::Timestamp> due_at{};
};

/// Figures of a store's retention. Those of removals count since the start.
struct RetentionLoad {
  std::uint64_t events = 0;  ///< that are stored, deleted ones that are not purged included
  std::uint64_t bytes = 0;   ///< as RetentionOptions::bytes counts them
  std::array<std::uint64_t, removal_reason_count> removed{};  ///< events; index: RemovalReason
  std::uint64_t removed_bytes = 0;
  std::uint64_t waiting_users = 0;   ///< that may have too many events
  std::uint64_t bytes_over = 0;      ///< beyond the bound
  std::chrono::milliseconds lag{0};  ///< how long the oldest event has been due by its age
  bool sweeping = false;             ///< it looks at every event first, after an update or once
};

}  // namespace carillon::persistence
