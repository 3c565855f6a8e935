#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/counter_generation.hpp"
#include "persistence/src/counters.hpp"
#include "persistence/src/rows.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace carillon::persistence {

class RocksBatch;

/// The commits whose state somebody may still read. Any thread.
class ReadCommits {
 public:
  void begin(std::uint64_t commit);
  void end(std::uint64_t commit);
  /// `none` if there is none.
  [[nodiscard]] std::uint64_t oldest(std::uint64_t none) const;

 private:
  mutable std::mutex mutex_;
  std::multiset<std::uint64_t> commits_;
};

/// What a reader of one commit's state has to add to the rows of counters. Any thread.
class CounterView {
 public:
  struct State {
    std::shared_ptr<const CounterGeneration> active;
    std::shared_ptr<const CounterGeneration> frozen;  // or null
    std::optional<engine::UserId> folded_to;          // the frozen one's, to this user, are in rows
    std::uint64_t commit = 0;
    bool kinds_apart = false;
  };
  CounterView(State state, std::shared_ptr<ReadCommits> reads);
  ~CounterView();
  CounterView(const CounterView&) = delete;
  CounterView& operator=(const CounterView&) = delete;

  void add_counts(const engine::UserId& user, Counters& into) const;
  void add_kinds(const engine::UserId& user, KindSums& into) const;
  /// Whether a user may have rows of kinds from schema 2, one for each.
  [[nodiscard]] bool kinds_apart() const noexcept { return state_.kinds_apart; }

 private:
  [[nodiscard]] bool frozen_counts(const engine::UserId& user) const noexcept;

  const State state_;
  const std::shared_ptr<ReadCommits> reads_;
};

/// Counters between the commit that adds to them and their rows.
///
/// Role      One per RocksStore. A row of counters is the dearest thing of an event: it
///           lies at a random place. So each commit writes what it adds, for all its users,
///           as one row of `meta`; in memory these additions are summed up, and from there
///           they come to the rows of counts and kinds a few users with every commit.
/// Threads   All: the writer's (views are any thread's).
/// Bound     Additions (a user in a commit) in memory: twice `additions_max`, as many of them
///           are read at the start.
/// Order     Additions belong to a generation. One is *active*: commits add to it. The one
///           before is *frozen* until its users' sums, in the order of their keys, are in rows.
/// Invariant A count is its row, the frozen sum unless it was folded, and the active sum.
///           The same commit writes a sum into its row and, in `meta`, how far this has come.
class PendingCounters {
 public:
  explicit PendingCounters(std::size_t additions_max) : additions_max_{additions_max} {}

  /// Begins with what the rows say, or anew. `commit`: the latest one in `rows`.
  [[nodiscard]] engine::Result<void> load(const Rows& rows, std::uint64_t commit);

  /// Puts the additions of `batch`, the one with this number, and some sums, into it.
  void prepare(RocksBatch& batch, std::uint64_t commit);
  /// The batch that was prepared last is durable.
  void applied();

  /// The state of the latest commit.
  [[nodiscard]] std::unique_ptr<const CounterView> view() const;

 private:
  void freeze();
  void fold(RocksBatch& batch, std::size_t users);

  /// What comes true with the commit.
  struct Staged {
    std::uint64_t commit = 0;
    std::string additions;
    std::size_t folded = 0;
  };

  const std::size_t additions_max_;
  const std::shared_ptr<ReadCommits> reads_ = std::make_shared<ReadCommits>();
  std::shared_ptr<CounterGeneration> active_ = std::make_shared<CounterGeneration>();
  std::shared_ptr<CounterGeneration> frozen_;
  std::uint64_t generation_ = 0;         // number of the active one
  std::vector<engine::UserId> folding_;  // users of the frozen one
  std::size_t folded_ = 0;               // of them
  std::optional<engine::UserId> folded_to_;
  std::uint64_t commit_ = 0;  // the latest one applied
  bool kinds_apart_ = false;
  Staged staged_;
};

}  // namespace carillon::persistence
