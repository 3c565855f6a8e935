#pragma once

#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/store.hpp"
#include "persistence/src/columns_cache.hpp"
#include "persistence/src/counters.hpp"
#include "persistence/src/rows.hpp"

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace carillon::persistence {

/// Rows in ordered maps. No lock of its own.
///
/// Invariant `states_of_` lists under a sequence each user with a state row of it.
class MemoryRows final : public Rows, public RowWriter {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;

  [[nodiscard]] engine::Result<bool> get(Table table,
                                         std::string_view key,
                                         std::string& value) const override;
  [[nodiscard]] std::unique_ptr<RowIterator> range(Table table,
                                                   std::string_view prefix,
                                                   std::string_view start,
                                                   Direction direction) const override;
  void put(Table table, std::string_view key, std::string_view value) override;
  void add(Table table, std::string_view key, std::string_view counters) override;
  void erase(Table table, std::string_view key);

  /// Whose state rows an event has, taken out of the list.
  [[nodiscard]] std::vector<engine::UserId> take_states_of(engine::Sequence event);
  [[nodiscard]] std::size_t state_count() const noexcept { return at(Table::state).size(); }

 private:
  [[nodiscard]] Map& at(Table table) noexcept { return maps_[static_cast<std::size_t>(table)]; }
  [[nodiscard]] const Map& at(Table table) const noexcept {
    return maps_[static_cast<std::size_t>(table)];
  }

  std::array<Map, table_count> maps_;
  std::unordered_map<engine::Sequence, std::vector<engine::UserId>> states_of_;
};

/// The history in memory, for tests and pure fan-out: gone with the process.
///
/// Role      Store of `memory:`.
/// Threads   As Store.
/// Order     As Store: one mutex over reads and commits.
/// Bound     `bytes_max` of events and states; beyond it the oldest events of all
///           users are forgotten, with their states, ids and counts, as if never
///           published.
/// Progress  A commit waits for the reads under way, and they for it.
/// Lifetime  Nothing.
/// Invariant event_bytes_ is the sum over oldest_, where every event is listed once.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const StoreOptions& options);

  [[nodiscard]] engine::Result<void> commit(std::span<const engine::LogEntry> batch) override;
  [[nodiscard]] engine::Result<engine::EventPage> list(
      const engine::ListQuery& query) const override;
  [[nodiscard]] engine::Result<std::string> get(const engine::UserId& user,
                                                const engine::EventId& id) const override;
  [[nodiscard]] engine::Result<std::optional<std::string>> find_by_id(
      const engine::UserId& owner, const engine::EventId& id) const override;
  [[nodiscard]] engine::Result<engine::Aggregate> aggregate(
      const engine::UserId& user) const override;
  [[nodiscard]] engine::Result<std::vector<engine::Kind>> kinds(
      const engine::UserId& user) const override;

  [[nodiscard]] engine::LogOrigin origin() const noexcept override { return origin_; }
  [[nodiscard]] StoreIdentity identity() const noexcept override { return identity_; }
  [[nodiscard]] engine::InboxHealth health() const override { return {}; }
  [[nodiscard]] StoreLoad load() const override;

 private:
  /// An event that is kept, in the order of commits.
  struct Kept {
    engine::UserId holder;
    engine::Sequence sequence = 0;
    std::size_t bytes = 0;
  };
  [[nodiscard]] std::size_t bytes() const noexcept;
  void remember(std::span<const engine::LogEntry> batch);
  void forget_oldest();
  void forget_state(const engine::UserId& user, const engine::EventView& event);
  void subtract(Table table, std::string_view key, const Counters& counters);

  const std::size_t bytes_max_;
  const engine::LogOrigin origin_;
  const StoreIdentity identity_;

  mutable std::mutex mutex_;  // over everything below
  MemoryRows rows_;
  mutable ColumnsCache columns_;
  std::deque<Kept> oldest_;
  std::size_t event_bytes_ = 0;
};

}  // namespace carillon::persistence
