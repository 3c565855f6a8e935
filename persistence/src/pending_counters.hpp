#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/addition_rows.hpp"
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

/// The writes whose state somebody may still read. Any thread.
class ReadWrites {
 public:
  void begin(std::uint64_t write);
  void end(std::uint64_t write);
  /// `none` if there is none.
  [[nodiscard]] std::uint64_t oldest(std::uint64_t none) const;

 private:
  mutable std::mutex mutex_;
  std::multiset<std::uint64_t> writes_;
};

/// What a reader of one write's state has to add to the rows of counters. Any thread.
class CounterView {
 public:
  struct State {
    std::shared_ptr<const CounterGeneration> active;
    std::shared_ptr<const CounterGeneration> frozen;  // or null
    std::optional<engine::UserId> folded_to;          // the frozen one's, to this user, are in rows
    std::uint64_t write = 0;
  };
  CounterView(State state, std::shared_ptr<ReadWrites> reads);
  ~CounterView();
  CounterView(const CounterView&) = delete;
  CounterView& operator=(const CounterView&) = delete;

  void add_counts(const engine::UserId& user, Counters& into) const;
  void add_kinds(const engine::UserId& user, KindSums& into) const;

 private:
  [[nodiscard]] bool frozen_counts(const engine::UserId& user) const noexcept;

  const State state_;
  const std::shared_ptr<ReadWrites> reads_;
};

/// Counters between the write that adds to them and their rows.
///
/// Role      One per RocksStore. A row of counters is the dearest thing of an event: it
///           lies at a random place. So each write (a commit, a slice of retention) keeps
///           what it adds, for all its users, as one row of `meta`; in memory these
///           additions are summed up, and from there they come to the rows of counts and
///           kinds a few users with every write.
/// Threads   bytes() and the views: any. The rest: the writer's.
/// Bound     Memory: twice `bytes_max`, and a write more. The rows of `meta`, which are
///           read at the start: an eighth of that.
/// Order     Additions belong to a generation. One is *active*: writes add to it. The one
///           before is *frozen* until its users' sums, in the order of their keys, are in rows.
/// Invariant A count is its row, the frozen sum unless it was folded, and the active sum.
///           The same write brings a sum into its row and says in `meta` how far this has
///           come. Numbers of writes ascend within what is in memory, and mean nothing else.
class PendingCounters {
 public:
  explicit PendingCounters(std::size_t bytes_max) : bytes_max_{bytes_max} {}

  /// Begins with what the rows say, or anew. A damaged row is an error, unless somebody is
  /// told of it (see OnDamagedAdditions).
  [[nodiscard]] engine::Result<void> load(const Rows& rows,
                                          const OnDamagedAdditions& on_damage = {});

  /// Puts the additions of `batch`, the next one to be written, and some sums, into it.
  void prepare(RocksBatch& batch);
  /// The batch that was prepared last was written.
  void applied();

  /// The state after the latest write.
  [[nodiscard]] std::unique_ptr<const CounterView> view() const;
  /// Whose additions there are, ascending.
  [[nodiscard]] std::vector<engine::UserId> users() const;
  /// About what the additions take in memory.
  [[nodiscard]] std::size_t bytes() const;

 private:
  /// How full the active generation is; 1: it is to be frozen.
  [[nodiscard]] double fill() const noexcept;
  void freeze();
  void fold(RocksBatch& batch);
  void fold_user(RocksBatch& batch, const engine::UserId& user) const;
  void note_bytes();

  /// What comes true with the write.
  struct Staged {
    std::uint64_t write = 0;
    std::string additions;
    std::size_t folded = 0;
  };

  const std::size_t bytes_max_;
  const std::shared_ptr<ReadWrites> reads_ = std::make_shared<ReadWrites>();

  // The writer's.
  std::shared_ptr<CounterGeneration> active_ = std::make_shared<CounterGeneration>();
  std::shared_ptr<CounterGeneration> frozen_;
  std::uint64_t generation_ = 0;         // number of the active one
  std::vector<engine::UserId> folding_;  // users of the frozen one
  std::size_t folded_ = 0;               // of them
  std::optional<engine::UserId> folded_to_;
  std::uint64_t write_ = 0;  // the latest one applied
  Staged staged_;

  mutable std::mutex mutex_;  // over the next one
  std::size_t bytes_ = 0;
};

}  // namespace carillon::persistence
