#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event_log.hpp"
#include "carillon/engine/event_pool.hpp"
#include "carillon/engine/options.hpp"

#include <atomic>
#include <memory>
#include <vector>

namespace carillon::engine::detail {

class Shard;

/// Hands out the places in the order: the one authority, alone in this process.
/// A replicated log takes its place one day; nobody else knows where sequences
/// come from.
///
/// Threads   take(): any shard's thread.
/// Order     Blocks ascend for each caller; blocks of different shards interleave.
class Sequencer {
 public:
  explicit Sequencer(Sequence first) noexcept : next_{first} {}

  [[nodiscard]] Sequence take(std::uint64_t count) noexcept {
    // Q1 relaxed: uniqueness and each caller's ascent need only the single
    // modification order of this one word.
    return next_.fetch_add(count, std::memory_order_relaxed);
  }

 private:
  alignas(64) std::atomic<Sequence> next_;  // every shard writes it: a line of its own
};

/// What the shards of one Broadcaster share. Set once, but for the two flags.
///
/// Threads   Construction, destruction: the broadcaster's owner, with no shard running.
///           Then all members are read by any thread; `pool` and `sequencer` are
///           shared by their own rules. stop()'s thread writes the flags.
/// Progress  Nothing here waits.
/// Lifetime  The broadcaster's; `log` outlives it.
struct Core {
  Core(const Options& with, EventLog* to, const LogOrigin& from)
      : options{with}, log{to}, origin{from}, sequencer{from.first_sequence} {}

  const Options options;
  EventLog* const log;
  const LogOrigin origin;
  EventPool pool;
  Sequencer sequencer;
  std::vector<std::unique_ptr<Shard>> shards;
  /// Publishing is refused. Relaxed: a stale false only admits a publish that
  /// races with stop(), which its contract excludes.
  std::atomic<bool> closed{false};
  /// stop() runs the last turns itself and waits on the shards' wake words.
  std::atomic<bool> draining{false};
};

}  // namespace carillon::engine::detail
