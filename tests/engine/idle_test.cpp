#include "carillon/engine/broadcaster.hpp"
#include "tests/support/recording_sink.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace carillon::engine {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t subscriptions = 10'000;
constexpr ShardIndex shards = 2;
constexpr auto idle_time = 1'000ms;

/// What the system says of one thread of this process.
struct ThreadFigures {
  bool asleep = false;
  std::uint64_t voluntary_switches = 0;
  std::chrono::nanoseconds cpu{};
};

ThreadFigures figures_of(pid_t thread) {
  const auto directory = "/proc/self/task/" + std::to_string(thread);
  ThreadFigures figures;
  std::ifstream status{directory + "/status"};
  for (std::string word; status >> word;) {
    if (word == "State:") figures.asleep = status >> word && word == "S";
    if (word == "voluntary_ctxt_switches:") status >> figures.voluntary_switches;
  }
  std::uint64_t nanoseconds = 0;
  std::ifstream{directory + "/schedstat"} >> nanoseconds;
  figures.cpu = std::chrono::nanoseconds{nanoseconds};
  return figures;
}

/// Tells the thread of its shard.
class ThreadSink final : public Sink {
 public:
  ThreadSink(std::atomic<pid_t>& thread, std::latch& started)
      : thread_{thread}, started_{started} {}
  void on_start(const Position&) noexcept override {
    thread_.store(gettid());
    started_.count_down();
  }
  void on_events(const DeliveryBatch&) noexcept override {}

 private:
  std::atomic<pid_t>& thread_;
  std::latch& started_;
};

bool wait_asleep(pid_t thread) {
  const auto give_up = Clock::now() + testing::deadline;
  while (!figures_of(thread).asleep) {
    if (Clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Nobody calls the broadcaster meanwhile.
void let_time_pass() {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock{mutex};
  never.wait_for(lock, idle_time, [] { return false; });
}

/// Whether no shard did anything for a while.
bool is_idle(const std::array<std::atomic<pid_t>, shards>& threads) {
  std::vector<ThreadFigures> before;
  for (const auto& thread : threads)
    before.push_back(figures_of(thread.load()));
  let_time_pass();
  for (ShardIndex shard = 0; shard < shards; ++shard) {
    const auto after = figures_of(threads[shard].load());
    if (!after.asleep || after.cpu - before[shard].cpu >= 1ms ||
        after.voluntary_switches - before[shard].voluntary_switches > 2)
      return false;
  }
  return true;
}

void expect_idle(std::chrono::microseconds spin) {
  std::array<std::atomic<pid_t>, shards> threads{};
  std::latch started{subscriptions};
  auto made = Broadcaster::create({.shards = shards, .spin = spin});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  std::vector<Subscription> handles;
  for (std::uint64_t number = 0; number < subscriptions; ++number) {
    UserId user;
    std::memcpy(user.bytes.data(), &number, sizeof(number));
    user.bytes[15] = 1;
    handles.push_back(broadcaster.subscribe(
        user, std::make_shared<ThreadSink>(threads[broadcaster.shard_of(user)], started)));
  }
  started.wait();
  ASSERT_EQ(broadcaster.metrics().mailboxes, subscriptions);
  for (const auto& thread : threads)
    ASSERT_TRUE(wait_asleep(thread.load())) << "a shard without work does not sleep";

  // The first time there may be some work left: a shard sleeps in the midst of it, too.
  const auto give_up = Clock::now() + testing::deadline;
  while (!is_idle(threads))
    ASSERT_LT(Clock::now(), give_up) << "shards without work do something";
}

// Goal: subscriptions that hear nothing cost no time: no timer, no poll.
TEST(IdleTest, SpendsNothingOnTenThousandSubscriptionsThatHearNothing) {
  expect_idle(0us);
}

TEST(IdleTest, SleepsWhenTheSpinIsOver) {
  expect_idle(2'000us);
}

}  // namespace
}  // namespace carillon::engine
