#pragma once

#include "carillon/persistence/verify_store.hpp"
#include "persistence/src/counters.hpp"
#include "persistence/src/offline_store.hpp"
#include "persistence/src/pending_counters.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/table_walk.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carillon::persistence {

/// Pairs of an id and a sequence as one number that does not depend on their order: two
/// tables hold the same pairs if their sums agree (but for one chance in 2^128), and
/// neither has to be searched.
class PairSum {
 public:
  void add(const engine::EventId& id, const engine::UserId& owner, engine::Sequence sequence);
  friend bool operator==(const PairSum&, const PairSum&) = default;

 private:
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t other_sum_ = 0;
};

/// Finds what is wrong with a store of rows. One thread, one call of run().
///
/// The rows of a user lie together in four tables, so these are walked side by side, and
/// a user's counts are added up and compared before the next user's begin: with its rows of
/// counts and kinds and the additions that have not reached these.
class RocksVerifier {
 public:
  using OnFault = std::function<void(const StoreFault&)>;

  RocksVerifier(const OfflineStore& store, const OnFault& on_fault)
      : store_{store}, tables_{store.tables()}, on_fault_{on_fault} {}

  [[nodiscard]] StoreFindings run();

 private:
  /// A broadcast as far as a mark's counts depend on it.
  struct Broadcast {
    engine::Status status{};
    engine::Severity severity{};
    std::string kind;
  };
  /// What the rows of one user add up to.
  struct Inbox {
    explicit Inbox(std::string_view key) : user{key} {}
    std::string user;  // the key's bytes
    Counters counters;
    KindSums kinds;
    bool whole = true;  // every row could be read
  };
  struct Walks {
    explicit Walks(const RocksTables& tables)
        : events{tables, Table::events},
          states{tables, Table::state},
          counts{tables, Table::counts},
          kinds{tables, Table::kinds} {}
    TableWalk events;
    TableWalk states;
    TableWalk counts;
    TableWalk kinds;
  };

  void check_files();
  void check_meta();
  void read_pending();

  void check_inboxes();
  [[nodiscard]] bool have_ended(const Walks& walks);
  [[nodiscard]] std::optional<std::string> next_user(Walks& walks);
  void check_inbox(Walks& walks, Inbox& inbox);
  void check_event(Walks& walks, Inbox& inbox);
  void check_state(const StateRecord& record, const StoredEvent& event, std::string_view key);
  void check_marks(Walks& walks, Inbox& inbox, engine::Sequence before);
  void check_mark(Walks& walks, Inbox& inbox);
  void compare_counts(Walks& walks, const Inbox& inbox);
  void compare_kinds(Walks& walks, const Inbox& inbox);
  [[nodiscard]] std::optional<Broadcast> find_broadcast(engine::Sequence sequence);

  void check_ids();
  void find_events_without_id();
  void find_ids_without_event();

  [[nodiscard]] bool is_reserved(engine::Sequence sequence) const noexcept {
    return sequence != 0 && sequence <= reserved_until_;
  }
  [[nodiscard]] bool ended(const TableWalk& walk, Table table);
  void fault(std::string where, std::string what);
  void fault(Table table, std::string_view key, std::string what);

  const OfflineStore& store_;
  const RocksTables& tables_;
  const OnFault& on_fault_;
  StoreFindings findings_;
  engine::Sequence reserved_until_ = 0;
  PairSum of_events_;
  bool events_read_ = false;
  // Additions to counters, and whose, ascending; those before pending_at_ were considered.
  PendingCounters pending_{0};
  std::unique_ptr<const CounterView> pending_view_;
  std::vector<engine::UserId> pending_users_;
  std::size_t pending_at_ = 0;
  std::unordered_map<engine::Sequence, Broadcast> broadcasts_;  // lately marked ones
};

}  // namespace carillon::persistence
