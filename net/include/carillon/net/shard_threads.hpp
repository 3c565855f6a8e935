#pragma once

#include "carillon/engine/options.hpp"

#include <cstddef>
#include <functional>
#include <memory>

namespace carillon::net {

/// The threads of the server: one per shard, each with its own event loop.
///
/// Role      Made first, given to the Broadcaster as its waker, then to the Server.
/// Threads   wake(): any thread. start(), stop(), destruction: one thread.
/// Wake-up   wake() posts one turn to the shard's loop; the engine calls it only
///           when the shard has no turn pending.
/// Lifetime  Outlives the Broadcaster and the Server.
class ShardThreads final : public engine::ShardWaker {
 public:
  explicit ShardThreads(engine::ShardIndex shards);  ///< 0: one per core
  ~ShardThreads() override;
  ShardThreads(const ShardThreads&) = delete;
  ShardThreads& operator=(const ShardThreads&) = delete;

  void wake(engine::ShardIndex shard) noexcept override;
  [[nodiscard]] engine::ShardIndex shards() const noexcept;

  /// Runs the loops on new threads. `turn(shard)` is one turn: engine, then
  /// the sessions' writes; true if work is left.
  void start(std::function<bool(engine::ShardIndex)> turn);
  /// Stops the loops and joins the threads. Idempotent.
  void stop();

  struct Impl;
  [[nodiscard]] Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::net
