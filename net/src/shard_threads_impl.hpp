#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/engine/log.hpp"
#include "carillon/net/shard_threads.hpp"
#include "net/src/asio.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace carillon::net {

/// The loops behind ShardThreads, for this component alone.
///
/// Role      One io_context and one thread for each shard.
/// Threads   context(), post_turn(): any thread. The rest: as ShardThreads.
/// Lifetime  Work posted after stop() never runs; it is destroyed with the contexts.
struct ShardThreads::Impl {
  struct Shard {
    asio::io_context context{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
    std::thread thread;
  };

  explicit Impl(engine::ShardIndex count);

  [[nodiscard]] asio::io_context& context(engine::ShardIndex shard) {
    return shards[shard]->context;
  }
  void post_turn(engine::ShardIndex shard);
  void take_turn(engine::ShardIndex shard);
  void run(engine::ShardIndex shard) noexcept;

  std::vector<std::unique_ptr<Shard>> shards;
  std::function<bool(engine::ShardIndex)> turn;  // set by start(), before the threads
  engine::LogSink log;                           // set by the server, before start()
};

}  // namespace carillon::net
