// Question: what does UUID → mailbox cost a publisher who holds no handle, beside
// the structures that the directory could have been?
// Left out on purpose: the push that follows (mailbox_bench), handles.
//
// lookup*: the benchmark's thread and one more, each on its core, look up users in
// random order and read the mailbox's line, as a push would. users:1000 stays in
// cache, users:1000000 does not. lookup_churn*: instead of the second reader, the
// owner's thread erases and inserts other users as fast as it can; its rate is the
// counter changes_per_second. Every lookup must find its user.
// Read ns_per_item: wall clock, a counter of our own, because a lock that sleeps
// uses no CPU time. bytes_per_user is the index alone, without the mailboxes
// (192 bytes each), as malloc counts it.
#include "bench/bench_support.hpp"
#include "bench/lookup_contenders.hpp"
#include "bench/pinned.hpp"

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <any>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace {

using bench::EpochTable;
using bench::Lfht;
using bench::Memb;
using bench::OwnDirectory;
using bench::pin_this_thread;
using bench::PinnedToFirst;
using bench::Qsbr;
using bench::ShardedLock;
using bench::UnlockedMap;
using bench::user_number;
using bench::WallRate;
using carillon::engine::UserId;
using carillon::engine::detail::Mailbox;
using carillon::engine::detail::MailboxTable;

double allocated_bytes() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

/// `users` mailboxes, their users in random order, and one index of them.
template <class Index>
class World {
 public:
  explicit World(std::size_t users) : users_(users) {
    std::vector<Mailbox*> mailboxes;
    for (std::size_t i = 0; i < users; ++i) {
      users_[i] = user_number(i);
      mailboxes.push_back(&mailboxes_.acquire());
      mailboxes.back()->open(users_[i]);
    }
    const auto before = allocated_bytes();
    index_ = std::make_unique<Index>(mailboxes_);
    {
      typename Index::Owner owner{*index_};
      for (auto* mailbox : mailboxes)
        owner.insert(*mailbox);
    }
    bytes_per_user_ = (allocated_bytes() - before) / static_cast<double>(users);
    std::shuffle(users_.begin(), users_.end(), std::mt19937_64{users});
  }

  [[nodiscard]] Index& index() { return *index_; }
  [[nodiscard]] const std::vector<UserId>& users() const { return users_; }
  [[nodiscard]] MailboxTable& mailboxes() { return mailboxes_; }
  [[nodiscard]] double bytes_per_user() const { return bytes_per_user_; }

 private:
  MailboxTable mailboxes_;
  std::vector<UserId> users_;
  std::unique_ptr<Index> index_;
  double bytes_per_user_ = 0;
};

/// The last benchmark's world, whatever its type.
std::any& last_world() {
  static std::any world;
  return world;
}

/// Google Benchmark calls a function several times to find its number of
/// iterations, and a million users take a moment: the last world is kept.
template <class Index>
World<Index>& world_of(std::size_t users) {
  auto& last = last_world();
  auto* world = std::any_cast<std::shared_ptr<World<Index>>>(&last);
  if (world == nullptr || (*world)->users().size() != users) {
    last.reset();
    world = &last.emplace<std::shared_ptr<World<Index>>>(std::make_shared<World<Index>>(users));
  }
  return **world;
}

/// Goes round all users; false if one was not found.
template <class Index>
class Looker {
 public:
  Looker(World<Index>& world, std::size_t first)
      : reader_{world.index()}, users_{world.users()}, at_{first % users_.size()} {}

  [[nodiscard]] bool look() {
    const auto& user = users_[at_];
    at_ = at_ + 1 == users_.size() ? 0 : at_ + 1;
    const auto* mailbox = reader_.find(user);
    return mailbox != nullptr && mailbox->user() == user;
  }

 private:
  typename Index::Reader reader_;
  const std::vector<UserId>& users_;
  std::size_t at_;
};

/// The other core's work, from construction to destruction.
class Beside {
 public:
  template <class Step>
  explicit Beside(Step step)
      : thread_{[this, step] {
          pin_this_thread(1);
          step(*this);
        }} {
    while (steps_.load() == 0)
      std::this_thread::yield();
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;
  ~Beside() { finish(); }

  void finish() {
    if (!thread_.joinable()) return;
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }
  // The thread's own.
  [[nodiscard]] bool wanted() const { return !stop_.load(std::memory_order_relaxed); }
  void count_step() {
    steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void fail() { failed_.store(true); }

  [[nodiscard]] std::uint64_t steps() const { return steps_.load(); }
  [[nodiscard]] bool failed() const { return failed_.load(); }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> failed_{false};
  alignas(64) std::atomic<std::uint64_t> steps_{0};
  std::thread thread_;  // last: it uses the others
};

/// Looks up in the benchmark's loop; the reader is gone when it returns, so that
/// nobody waits for its quiescence.
template <class Index>
bool measure(benchmark::State& state, World<Index>& world) {
  Looker<Index> looker{world, 0};
  bool found = true;
  const WallRate rate;
  for ([[maybe_unused]] auto _ : state)
    found = looker.look() && found;
  rate.report(state, static_cast<std::uint64_t>(state.iterations()));
  state.counters["bytes_per_user"] = world.bytes_per_user();
  return found;
}

template <class Index>
void lookup(benchmark::State& state) {
  auto& world = world_of<Index>(static_cast<std::size_t>(state.range(0)));
  const PinnedToFirst pinned;
  Beside reader{[&world](Beside& self) {
    Looker<Index> looker{world, world.users().size() / 2};
    while (self.wanted()) {
      for (int i = 0; i < 64; ++i)
        if (!looker.look()) self.fail();
      self.count_step();
    }
  }};

  const bool found = measure(state, world);

  reader.finish();
  if (!found || reader.failed()) state.SkipWithError("a user was not found");
}

template <class Index>
void churn(World<Index>& world, Beside& self) {
  // As many users come and go as an eighth of those who stay.
  const auto count = std::max<std::size_t>(64, world.users().size() / 8);
  std::vector<Mailbox*> mailboxes;
  std::uint64_t next = world.users().size();
  const auto enter = [&](typename Index::Owner& owner) {
    auto& mailbox = world.mailboxes().acquire();
    mailbox.open(user_number(next++));
    owner.insert(mailbox);
    return &mailbox;
  };
  const auto leave = [&](typename Index::Owner& owner, Mailbox& mailbox) {
    owner.erase(mailbox);
    if (!mailbox.close()) self.fail();
    world.mailboxes().release(mailbox);
  };
  typename Index::Owner owner{world.index()};
  for (std::size_t i = 0; i < count; ++i)
    mailboxes.push_back(enter(owner));
  for (std::size_t at = 0; self.wanted(); at = (at + 1) % count) {
    leave(owner, *mailboxes[at]);
    mailboxes[at] = enter(owner);
    self.count_step();
  }
  for (auto* mailbox : mailboxes)
    leave(owner, *mailbox);
}

template <class Index>
void lookup_churn(benchmark::State& state) {
  auto& world = world_of<Index>(static_cast<std::size_t>(state.range(0)));
  const PinnedToFirst pinned;
  Beside owner{[&world](Beside& self) { churn(world, self); }};

  const auto steps_before = owner.steps();
  const auto start = bench::now_ns();
  const bool found = measure(state, world);
  const auto seconds = static_cast<double>(bench::now_ns() - start) / 1e9;
  const auto steps = static_cast<double>(owner.steps() - steps_before);

  owner.finish();
  state.counters["changes_per_second"] = 2 * steps / seconds;
  if (!found || owner.failed()) state.SkipWithError("a user was not found");
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("users")->Arg(1000)->Arg(1'000'000);
}

BENCHMARK(lookup<UnlockedMap>)->Name("lookup_floor")->Apply(sizes);
BENCHMARK(lookup<OwnDirectory>)->Name("lookup")->Apply(sizes);
BENCHMARK(lookup<Lfht<Qsbr>>)->Name("lookup_urcu_lfht")->Apply(sizes);
BENCHMARK(lookup<Lfht<Memb>>)->Name("lookup_urcu_lfht_memb")->Apply(sizes);
BENCHMARK(lookup<EpochTable>)->Name("lookup_epoch")->Apply(sizes);
BENCHMARK(lookup<ShardedLock>)->Name("lookup_sharded_lock")->Apply(sizes);

BENCHMARK(lookup_churn<OwnDirectory>)->Name("lookup_churn")->Apply(sizes);
BENCHMARK(lookup_churn<Lfht<Qsbr>>)->Name("lookup_churn_urcu_lfht")->Apply(sizes);
BENCHMARK(lookup_churn<Lfht<Memb>>)->Name("lookup_churn_urcu_lfht_memb")->Apply(sizes);
BENCHMARK(lookup_churn<EpochTable>)->Name("lookup_churn_epoch")->Apply(sizes);
BENCHMARK(lookup_churn<ShardedLock>)->Name("lookup_churn_sharded_lock")->Apply(sizes);

}  // namespace
