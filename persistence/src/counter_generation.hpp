#pragma once

#include "carillon/engine/ids.hpp"
#include "persistence/src/counters.hpp"
#include "persistence/src/user_kinds.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory_resource>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carillon::persistence {

/// Additions to the counters of many users that their rows do not hold yet.
///
/// Threads   apply(), users(): the writer's. The others: any thread.
/// Order     Each addition keeps the number of its write for as long as somebody may
///           read the state before it, so a reader is told of those up to its own.
/// Bound     None here: PendingCounters begins a new one in time, by bytes().
/// Progress  A lock for the additions of one user.
class CounterGeneration {
 public:
  CounterGeneration() = default;
  CounterGeneration(const CounterGeneration&) = delete;
  CounterGeneration& operator=(const CounterGeneration&) = delete;

  /// Takes what one write added, as append_additions wrote it; false if the bytes make no
  /// sense. Nobody reads the state before the write `oldest_read` any more.
  [[nodiscard]] bool apply(std::uint64_t write,
                           std::uint64_t oldest_read,
                           std::string_view additions);

  /// Add what the writes up to this one added for this user.
  void add_counts(const engine::UserId& user, std::uint64_t write, Counters& into) const;
  void add_kinds(const engine::UserId& user, std::uint64_t write, KindSums& into) const;

  /// About what they take here. The writer's, as the next one.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// What they take as they were written.
  [[nodiscard]] std::size_t written_bytes() const noexcept { return written_bytes_; }
  /// In the order of their keys.
  [[nodiscard]] std::vector<engine::UserId> users() const;

 private:
  /// What a number belongs to: a lane of Counters; Counters::last (of which the highest
  /// counts); or a kind.
  using What = std::uint32_t;
  static constexpr What last_sequence = Counters::lane_count;
  static constexpr What first_kind = last_sequence + 1;

  struct Addition {
    std::uint64_t write;  // 0: of a sum, which all readers see
    What what;
    std::int64_t amount;
  };
  struct User {
    explicit User(std::pmr::memory_resource* memory) : additions{memory} {}
    std::pmr::vector<Addition> additions;  // ascending by write
    std::size_t compact_at = 24;           // as many of them
  };
  // Beside its additions, with its place in users_ and places_, or in both tables of kinds.
  static constexpr std::size_t user_bytes = 112;
  static constexpr std::size_t kind_bytes = 112;

  [[nodiscard]] User& user_of(const engine::UserId& id);
  [[nodiscard]] static bool take_counts(User& user, std::uint64_t write, std::string_view counts);
  [[nodiscard]] bool take_kinds(User& user, std::uint64_t write, std::string_view kinds);
  [[nodiscard]] What what_of(std::string_view kind);
  static void compact(User& user, std::uint64_t oldest_read);
  template <class Add>
  void visit(const engine::UserId& user, std::uint64_t write, Add&& add) const;

  // Freed at once with the generation, not user by user.
  std::pmr::unsynchronized_pool_resource memory_;
  mutable std::mutex mutex_;  // over the next four, which the writer alone changes
  boost::unordered_flat_map<engine::UserId, std::uint32_t, std::hash<engine::UserId>>
      places_;  // in users_
  std::deque<User> users_;
  std::pmr::unordered_map<std::string_view, What> kinds_{&memory_};
  std::pmr::vector<std::string_view> kind_texts_{&memory_};
  // The writer's.
  std::size_t bytes_ = 0;
  std::size_t written_bytes_ = 0;
};

/// What one write adds to one user, behind `out`: operands of its rows of counts and kinds.
void append_additions(std::string& out,
                      const engine::UserId& user,
                      std::string_view counts,
                      std::string_view kinds);

}  // namespace carillon::persistence
