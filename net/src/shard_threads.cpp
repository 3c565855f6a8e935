#include "carillon/net/shard_threads.hpp"

#include "net/src/shard_threads_impl.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

namespace carillon::net {

ShardThreads::Impl::Impl(engine::ShardIndex count) {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  const auto wanted = count == 0 ? cores : count;
  shards.reserve(wanted);
  for (engine::ShardIndex shard = 0; shard < wanted; ++shard) {
    shards.push_back(std::make_unique<Shard>());
    shards.back()->work.emplace(shards.back()->context.get_executor());
  }
}

void ShardThreads::Impl::post_turn(engine::ShardIndex shard) {
  asio::post(context(shard), [this, shard] { take_turn(shard); });
}

void ShardThreads::Impl::take_turn(engine::ShardIndex shard) {
  // Posted again instead of looped, so that sockets and timers get their turn.
  if (turn(shard)) post_turn(shard);
}

void ShardThreads::Impl::run(engine::ShardIndex shard) noexcept {
  std::string what = "an exception that is not a std::exception";
  try {
    context(shard).run();
    return;
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {  // reported below like any other
  }
  // No handler of ours lets an exception out, so this is a bug: its connection's
  // state can't be trusted, and going on could answer for events that were lost.
  if (log) log(engine::LogLevel::error, "an exception left a handler: " + what, {});
  std::abort();
}

ShardThreads::ShardThreads(engine::ShardIndex shards) : impl_{std::make_unique<Impl>(shards)} {
}

ShardThreads::~ShardThreads() {
  stop();
}

void ShardThreads::wake(engine::ShardIndex shard) noexcept {
  impl_->post_turn(shard);
}

engine::ShardIndex ShardThreads::shards() const noexcept {
  return static_cast<engine::ShardIndex>(impl_->shards.size());
}

void ShardThreads::start(std::function<bool(engine::ShardIndex)> turn) {
  impl_->turn = std::move(turn);
  for (engine::ShardIndex shard = 0; shard < shards(); ++shard) {
    auto& thread = impl_->shards[shard]->thread;
    thread = std::thread{[this, shard] { impl_->run(shard); }};
    const auto name = "carillon-" + std::to_string(shard);
    pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
  }
}

void ShardThreads::stop() {
  for (auto& shard : impl_->shards) {
    shard->work.reset();
    shard->context.stop();
  }
  for (auto& shard : impl_->shards)
    if (shard->thread.joinable()) shard->thread.join();
}

}  // namespace carillon::net
