#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/store.hpp"
#include "persistence/src/batch_applier.hpp"
#include "persistence/src/columns_match.hpp"
#include "persistence/src/inbox_columns.hpp"
#include "persistence/src/rows.hpp"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon::persistence {

/// The columns of the inboxes that are read, and the rows that belong to them.
///
/// Role      One per store: readers take a moment from it, and build columns when they
///           need some; the writer tells it what each commit did.
/// Threads   rows, moment, build, add_load: any thread. publish, renew, forget: one at a time
///           (the writer's).
/// Order     A moment is that of the latest publish() or renew(): its rows and all its
///           columns are of the same commit.
/// Bound     Options::bytes_max; beyond it the columns not used for longest are
///           dropped. Views that readers hold come on top, and a build under way, which
///           gives up at bytes_max.
/// Progress  moment() takes a short lock. build() walks the owner's rows on the calling
///           thread, without the lock; who needs the same columns waits for it. publish()
///           works outside the lock too; only builds that begin or end wait for it.
/// Lifetime  Rows handed to it must stay readable while it, or a moment, holds them.
///
/// Invariant: columns in `ready` state show exactly what rows_ holds of their owner.
///   publish() applies a commit to columns that no reader sees, and shows them together
///   with the commit's rows, under one lock. A build begins from rows_ while no commit is
///   being published, and is told of each commit from then on (Entry::missed); it ends
///   under the lock, with none left to apply.
class ColumnsCache {
 public:
  /// As StoreOptions has them.
  struct Options {
    std::size_t bytes_max;
    std::uint64_t events_min;
    std::uint32_t chunk_rows;
  };
  struct Moment {
    std::shared_ptr<const Rows> rows;
    std::optional<InboxView> inbox;  // if all its columns are there
  };

  ColumnsCache(const Options& options, std::shared_ptr<const Rows> rows)
      : options_{options}, rows_{std::move(rows)} {}
  ColumnsCache(const ColumnsCache&) = delete;
  ColumnsCache& operator=(const ColumnsCache&) = delete;

  [[nodiscard]] std::shared_ptr<const Rows> rows() const;
  [[nodiscard]] Moment moment(const engine::UserId& user);
  /// Builds what the user's inbox lacks. False if it would not fit, or was overtaken by
  /// renew(): the rows must do.
  [[nodiscard]] engine::Result<bool> build(const engine::UserId& user);
  /// Whether a read of so many events should have columns, and they may fit.
  [[nodiscard]] bool worth_building(std::uint64_t events) const noexcept {
    return events >= options_.events_min && events <= options_.bytes_max / event_bytes_min;
  }

  /// The commit was applied: `rows` are those after it.
  void publish(std::span<const engine::LogEntry> batch,
               const AppliedChanges& changes,
               std::shared_ptr<const Rows> rows);
  /// Rows of these owners (nil: the broadcasts) were changed by something else than
  /// commits; their columns are dropped, builds of them under way fail.
  void renew(std::shared_ptr<const Rows> rows, std::span<const engine::UserId> owners);
  /// Drops everything, the rows too.
  void clear();
  /// An event left the history. To be called before the publish() of the same commit.
  void forget(const engine::UserId& holder, engine::Sequence event);

  void add_load(StoreLoad& load) const;

 private:
  static constexpr std::size_t event_bytes_min = 36;  // without its description

  enum class State : std::uint8_t { building, ready, too_big };
  /// What commits did while the columns were being built.
  struct Missed {
    std::vector<std::pair<engine::Sequence, std::string>> events;  // their rows
    std::vector<std::pair<engine::Sequence, engine::EventState>> states;
    std::vector<engine::Sequence> forgotten;
    std::size_t bytes = 0;
    [[nodiscard]] bool empty() const noexcept {
      return events.empty() && states.empty() && forgotten.empty();
    }
  };
  struct Entry {
    engine::UserId owner;
    State state = State::building;
    bool cached = true;                       // it is in entries_
    std::shared_ptr<const ColumnsView> view;  // if ready
    std::size_t bytes = 0;                    // counted in bytes_
    std::uint64_t used_at = 0;
    Missed missed;                            // if building
    std::unique_ptr<InboxColumns> columns;    // the builder's, then the writer's; no lock
    bool broken = false;                      // the writer's: to be dropped
    bool touched = false;                     // the writer's: by the commit
    std::shared_ptr<const ColumnsView> next;  // the writer's: with the commit
  };
  using EntryPtr = std::shared_ptr<Entry>;
  /// What a commit has for columns that are ready.
  struct Update {
    EntryPtr entry;
    const engine::EventView* event = nullptr;
    const ChangedStates* states = nullptr;
    engine::Sequence forgotten = 0;
  };

  [[nodiscard]] EntryPtr ready(const engine::UserId& owner);
  [[nodiscard]] engine::Result<bool> build_owner(const engine::UserId& owner);
  [[nodiscard]] engine::Result<bool> fill(Entry& entry, const Rows& rows) const;
  [[nodiscard]] bool catch_up(const EntryPtr& entry);
  void install(const EntryPtr& entry,
               std::shared_ptr<const ColumnsView> view,
               std::vector<EntryPtr>& dropped);
  void give_up(const EntryPtr& entry, bool too_big);
  void drop(const EntryPtr& entry, std::vector<EntryPtr>& dropped);
  void drop_all(std::vector<EntryPtr>& dropped);
  void evict(std::vector<EntryPtr>& dropped);
  [[nodiscard]] std::vector<Update> collect(std::span<const engine::LogEntry> batch,
                                            const AppliedChanges& changes);
  [[nodiscard]] static std::vector<EntryPtr> apply(const std::vector<Update>& updates);
  void show(const std::vector<EntryPtr>& touched, std::vector<EntryPtr>& dropped);

  const Options options_;
  mutable std::mutex mutex_;  // over everything below
  std::condition_variable changed_;
  bool publishing_ = false;
  std::shared_ptr<const Rows> rows_;
  std::unordered_map<engine::UserId, EntryPtr> entries_;
  std::size_t bytes_ = 0;
  std::uint64_t uses_ = 0;
  std::uint64_t built_ = 0;
  std::uint64_t evicted_ = 0;
  std::vector<std::pair<engine::UserId, engine::Sequence>> forgotten_;  // the writer's
};

[[nodiscard]] inline ColumnsCache::Options columns_options(const StoreOptions& options) noexcept {
  return {.bytes_max = options.columns_bytes_max,
          .events_min = options.columns_events_min,
          .chunk_rows = options.columns_chunk_rows};
}

}  // namespace carillon::persistence
