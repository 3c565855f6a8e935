#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/inbox.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/persistence/retention.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace carillon::persistence {

/// Who a store is. Made with the store, kept in it, never changed.
struct StoreIdentity {
  engine::Uuid system_id;     ///< `systemId` of events that carry none
  engine::UserId local_user;  ///< who a caller is if nobody asks for proof
};

/// Whether a store holds its writer back, because its files grow faster than it can
/// put them in order.
enum class WriteStall : std::uint8_t {
  none,
  delayed,  ///< commits are slowed down
  stopped,  ///< commits wait
};

/// What a store has still to do for what it has committed, and what it keeps for
/// reads. Each figure is exact on its
/// own; together they are not one instant.
struct StoreLoad {
  WriteStall stall = WriteStall::none;
  std::uint64_t unmerged_files = 0;     ///< written out, not yet merged into the rest
  std::uint64_t unmerged_bytes = 0;     ///< in those files
  std::uint64_t unwritten_bytes = 0;    ///< in memory and log, not yet in sorted files
  std::uint64_t delayed_byte_rate = 0;  ///< bytes a second that it allows; 0: all

  std::uint64_t pending_counts_bytes = 0;  ///< additions to counts kept in memory

  std::uint64_t columns_bytes = 0;          ///< inboxes kept in columns for reads
  std::uint64_t columns_owners = 0;         ///< how many inboxes those are
  std::uint64_t columns_built_total = 0;    ///< how often one was read into columns
  std::uint64_t columns_evicted_total = 0;  ///< how often one had to leave for others

  std::uint64_t damaged_reads_total = 0;  ///< reads that failed because the store is damaged

  RetentionLoad retention{};
};

/// Where inboxes live: events, their state per user, counts, and the ids and
/// kinds that they are looked up by. `open_store` makes one; a test suite that
/// is the same for all (tests/persistence/store_conformance_test.cpp) says what
/// they have in common.
///
/// Role      One per process and place; below WriteBehind and InboxReader.
/// Threads   commit(), retain(): one thread at a time (the writer's). Everything else: any
///           thread, also during a commit. Construction, destruction: no other
///           call in flight.
/// Order     A read sees one moment: all of a commit or nothing of it, and every
///           commit that returned before the read began.
/// Bound     A read holds its page, and one small entry per event up to the
///           page's end; a change holds one per event that it affects.
/// Progress  Calls block for the disk. Never call them on a shard's thread.
/// Invariant Counts are exact: those of a user are what its list would show.
class Store {
 public:
  Store() = default;
  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Applies events and changes in this order, all or none, and returns when
  /// they are durable. Fills `affected` of each change.
  ///
  /// After a failure it is open whether the batch was applied: call again with
  /// the same entries until it succeeds, and with nothing else in between. The
  /// store takes care that they are applied once.
  ///
  /// Which events a change affects: with ids, those of them that the user has
  /// (its own before a broadcast of the same id); without ids, all that pass the
  /// filter and lie at or before `up_to`; with neither, none. A deleted event
  /// does not exist. Setting the status that an event has already affects it but
  /// leaves `updatedAt` alone.
  [[nodiscard]] virtual engine::Result<void> commit(std::span<const engine::LogEntry> batch) = 0;

  /// Removes a few of the events that are too old, too many or too large by `options` of
  /// set_retention, for about `budget`, and says whether there are more. What a slice did is
  /// as durable as the commit after it; what is lost with a crash is done again. Nothing
  /// is removed while the latest commit has failed. The writer's thread, between commits.
  [[nodiscard]] virtual engine::Result<RetentionStep> retain(engine::Timestamp now,
                                                             std::chrono::microseconds budget);
  /// From the next retain() on. Any thread.
  virtual void set_retention(const RetentionOptions& options);

  /// See Inbox::list. The page size is cut to `page_size_max`.
  [[nodiscard]] virtual engine::Result<engine::EventPage> list(
      const engine::ListQuery& query) const = 0;
  /// An event of this user's inbox as JSON; not_found if it is not there.
  [[nodiscard]] virtual engine::Result<std::string> get(const engine::UserId& user,
                                                        const engine::EventId& id) const = 0;
  /// The event that `owner` published under this id, deleted or not, as it is
  /// now. Broadcasts belong to the nil user.
  [[nodiscard]] virtual engine::Result<std::optional<std::string>> find_by_id(
      const engine::UserId& owner, const engine::EventId& id) const = 0;
  [[nodiscard]] virtual engine::Result<engine::Aggregate> aggregate(
      const engine::UserId& user) const = 0;
  [[nodiscard]] virtual engine::Result<std::vector<engine::Kind>> kinds(
      const engine::UserId& user) const = 0;

  /// As of the moment when the store was opened.
  [[nodiscard]] virtual engine::LogOrigin origin() const noexcept = 0;
  [[nodiscard]] virtual StoreIdentity identity() const noexcept = 0;
  /// Whether the latest commit succeeded, and if not, why.
  [[nodiscard]] virtual engine::InboxHealth health() const = 0;
  /// Makes a copy, of one moment between two commits, in a directory that is absent or
  /// empty; commits and reads go on meanwhile. For `restore_backup`. Fails with
  /// invalid_argument (the directory holds something, or lies in the store's own),
  /// unsupported (this kind of store has other means, or none), io or unavailable.
  [[nodiscard]] virtual engine::Result<void> backup(const std::string& directory) const;
  /// For metrics. A store that merges nothing in the background is never stalled.
  [[nodiscard]] virtual StoreLoad load() const { return {}; }
};

/// Events of one page at most, whatever the query says.
inline constexpr std::uint64_t page_size_max = 10'000;

}  // namespace carillon::persistence
