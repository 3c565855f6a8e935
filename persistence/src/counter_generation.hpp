#pragma once

#include "carillon/engine/ids.hpp"
#include "persistence/src/counters.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory_resource>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carillon::persistence {

/// Sums of kinds, by "category NUL action".
using KindSums = std::map<std::string, std::int64_t, std::less<>>;

/// Additions to the counters of many users that their rows do not hold yet.
///
/// Threads   apply(), users(): the writer's. The others: any thread.
/// Order     Each addition keeps the number of its commit for as long as somebody may
///           read the state before it, so a reader is told of those up to its own.
/// Bound     None here: PendingCounters begins a new one in time.
/// Progress  A lock for the additions of one user.
class CounterGeneration {
 public:
  CounterGeneration() = default;
  CounterGeneration(const CounterGeneration&) = delete;
  CounterGeneration& operator=(const CounterGeneration&) = delete;

  /// Takes what one commit added, as append_additions wrote it; false if the bytes make no
  /// sense. Nobody reads the state before commit `oldest_read` any more.
  [[nodiscard]] bool apply(std::uint64_t commit,
                           std::uint64_t oldest_read,
                           std::string_view additions);

  /// Add what the commits up to this one added for this user.
  void add_counts(const engine::UserId& user, std::uint64_t commit, Counters& into) const;
  void add_kinds(const engine::UserId& user, std::uint64_t commit, KindSums& into) const;

  /// Users and commits of each, together.
  [[nodiscard]] std::size_t additions() const noexcept { return additions_; }
  /// In the order of their keys.
  [[nodiscard]] std::vector<engine::UserId> users() const;

 private:
  /// What a number belongs to: a lane of Counters; Counters::last (of which the highest
  /// counts); or a kind.
  using What = std::uint32_t;
  static constexpr What last_sequence = Counters::lane_count;
  static constexpr What first_kind = last_sequence + 1;

  struct Addition {
    std::uint64_t commit;  // 0: of a sum, which all readers see
    What what;
    std::int64_t amount;
  };
  struct User {
    explicit User(std::pmr::memory_resource* memory) : additions{memory} {}
    std::pmr::vector<Addition> additions;  // ascending by commit
    std::size_t compact_at = 24;           // as many of them
  };

  [[nodiscard]] static bool take_counts(User& user, std::uint64_t commit, std::string_view counts);
  [[nodiscard]] bool take_kinds(User& user, std::uint64_t commit, std::string_view kinds);
  [[nodiscard]] What what_of(std::string_view kind);
  static void compact(User& user, std::uint64_t oldest_read);
  template <class Add>
  void visit(const engine::UserId& user, std::uint64_t commit, Add&& add) const;

  // Freed at once with the generation, not user by user.
  std::pmr::unsynchronized_pool_resource memory_;
  mutable std::mutex mutex_;  // over the next four, which the writer alone changes
  boost::unordered_flat_map<engine::UserId, std::uint32_t, std::hash<engine::UserId>>
      places_;  // in users_
  std::deque<User> users_;
  std::pmr::unordered_map<std::string_view, What> kinds_{&memory_};
  std::pmr::vector<std::string_view> kind_texts_{&memory_};
  std::size_t additions_ = 0;  // the writer's
};

/// What one commit adds to one user, behind `out`: operands of its rows of counts and kinds.
void append_additions(std::string& out,
                      const engine::UserId& user,
                      std::string_view counts,
                      std::string_view kinds);

}  // namespace carillon::persistence
