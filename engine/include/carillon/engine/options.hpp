#pragma once

#include "carillon/engine/ids.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace carillon::engine {

/// Called when a sleeping shard has work: any thread, must not block or throw,
/// must lead to a Broadcaster::run_turn(shard) soon, on the shard's thread.
class ShardWaker {
 public:
  ShardWaker() = default;
  virtual ~ShardWaker() = default;
  ShardWaker(const ShardWaker&) = delete;
  ShardWaker& operator=(const ShardWaker&) = delete;
  /// This shard has work.
  virtual void wake(ShardIndex shard) noexcept = 0;
};

/// Every bound of the engine, with its unit, default and reason.
struct Options {
  /// Threads of the fan-out pool. 0: one per core that the process may use.
  ShardIndex shards = 0;

  /// Who runs the shards. Null: the Broadcaster starts its own threads. Set:
  /// the embedder's threads do, by run_turn(), woken through this.
  ShardWaker* waker = nullptr;

  /// Processors that the Broadcaster's own threads are pinned to: shard i to
  /// cpus[i modulo the number given], numbered as the system does. Empty: the
  /// system places them. Pin where the machine is ours: a shard's mailboxes and
  /// sessions then stay in one cache. create() fails if a number does not exist.
  std::vector<unsigned> cpus{};

  /// Identifies this instance in events that do not carry a systemId.
  Uuid system_id{};

  /// Bytes of events accepted and not yet durable (without a log: not yet
  /// fanned out), per shard. At the bound publish answers `full`.
  std::size_t queued_bytes_max = std::size_t{64} << 20U;

  /// Most bytes that wait for one user with subscriptions. At the bound publish answers
  /// `full` for this user only, so that one flooded user can't take the shard's credit.
  /// It is never exceeded by publish, but may be felt from three fourths of it on: while
  /// the shard has less than a fourth of it queued for all users together, nobody counts
  /// for whom. A batch (publish_all) may exceed it, and is refused while it is exceeded.
  std::size_t mailbox_bytes_max = std::size_t{16} << 20U;

  /// Events that one mailbox may have fanned out before the next one's turn.
  std::uint32_t mailbox_events_per_turn_max = 256;

  /// How long an idle shard thread of the Broadcaster looks for work before it
  /// sleeps: latency against idle CPU. With a waker this is the embedder's.
  std::chrono::microseconds spin{0};

  /// Most time from the end of a turn to the next one of a shard thread of the
  /// Broadcaster. An event that finds the shard idle is taken at once; behind a turn
  /// that took several events the next one waits in proportion, so that it takes
  /// what came meanwhile and producers announce once per turn instead of once per
  /// event. It is the most that this adds to an event's latency. 0: turns follow
  /// at once. With a waker this is the embedder's.
  std::chrono::nanoseconds turn_interval_max{20'000};
};

}  // namespace carillon::engine
