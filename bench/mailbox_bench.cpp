// Question: what does the per-user queue cost, alone and with producers that
// contend for it, beside the queues that it could have been?
// Left out on purpose: the directory, the ready queue, events and their memory,
// waking (see the other benchmarks). Nodes are reused, so nothing is allocated.
//
// mailbox_push_take: one thread pushes a burst and takes it; the floor is a list
// without atomics.
// mailbox_contended: that many producers push, the benchmark's thread takes; the
// floor is a ring for each producer. Read ns_per_item: wall clock. Threads above
// processors - 1 share them, and the figures then say more about the scheduler than
// about the queue.
#include "bench/bench_support.hpp"
#include "bench/pinned.hpp"
#include "engine/src/mailbox.hpp"
#include "engine/src/node_queue.hpp"

#include <benchmark/benchmark.h>
#include <concurrentqueue.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace {

using bench::pin_this_thread;
using bench::PinnedToFirst;
using bench::WallRate;
using carillon::engine::detail::Mailbox;
using carillon::engine::detail::Node;
using carillon::engine::detail::NodeList;
using carillon::engine::detail::NodeQueue;
using carillon::engine::detail::PushResult;

struct Item final : Node {
  Item() noexcept : Node{Kind::event} {}
  std::uint32_t producer = 0;
  std::uint64_t number = 0;
};

// Each queue: a Producer for one thread's push, and take(use), which calls `use`
// with every node that it finds.

template <class Use>
void use_all(NodeList list, Use use) {
  while (!list.empty())
    use(static_cast<Item&>(*list.pop_front()));
}

/// The engine's mailbox, with the account of bytes that every event takes.
class MailboxQueue {
 public:
  struct Producer {
    explicit Producer(MailboxQueue& to) : queue{to} {}
    bool push(Item& item) {
      const auto result = queue.mailbox_.push(&item, 0, item_bytes, bytes_max);
      return result == PushResult::first || result == PushResult::queued;
    }
    MailboxQueue& queue;
  };
  template <class Use>
  void take(Use use) {
    std::size_t taken = 0;
    use_all(mailbox_.take_all(), [&](Item& item) {
      use(item);
      ++taken;
    });
    if (taken > 0) mailbox_.settle(taken * item_bytes);
  }

 private:
  static constexpr std::size_t item_bytes = 512;
  static constexpr std::size_t bytes_max = std::numeric_limits<std::size_t>::max();
  Mailbox mailbox_{1};
};

/// The bare take-all stack: no generation, no account.
class StackQueue {
 public:
  struct Producer {
    explicit Producer(StackQueue& to) : queue{to} {}
    bool push(Item& item) {
      static_cast<void>(queue.stack_.push(&item));
      return true;
    }
    StackQueue& queue;
  };
  template <class Use>
  void take(Use use) {
    use_all(stack_.take_all(), use);
  }

 private:
  NodeQueue stack_;
};

/// Vyukov's intrusive queue: wait-free push, but a producer that sleeps between
/// its two steps hides what came after it.
class VyukovQueue {
 public:
  struct Producer {
    explicit Producer(VyukovQueue& to) : queue{to} {}
    bool push(Item& item) {
      queue.link(item);
      return true;
    }
    VyukovQueue& queue;
  };
  template <class Use>
  void take(Use use) {
    while (auto* item = pop())
      use(*item);
  }

 private:
  static std::atomic_ref<Node*> next_of(Node& node) { return std::atomic_ref<Node*>{node.next}; }

  void link(Node& node) {
    next_of(node).store(nullptr, std::memory_order_relaxed);
    auto* previous = newest_.exchange(&node, std::memory_order_acq_rel);
    next_of(*previous).store(&node, std::memory_order_release);
  }
  Item* pop() {
    auto* next = next_of(*oldest_).load(std::memory_order_acquire);
    if (oldest_ == &stub_) {
      if (next == nullptr) return nullptr;
      oldest_ = next;
      next = next_of(*oldest_).load(std::memory_order_acquire);
    }
    if (next == nullptr) {
      if (newest_.load(std::memory_order_acquire) != oldest_) return nullptr;  // half linked
      link(stub_);
      next = next_of(*oldest_).load(std::memory_order_acquire);
      if (next == nullptr) return nullptr;
    }
    return static_cast<Item*>(std::exchange(oldest_, next));
  }

  Item stub_;
  alignas(64) std::atomic<Node*> newest_{&stub_};
  alignas(64) Node* oldest_ = &stub_;
};

/// moodycamel's queue of pointers, with a token for each thread: order per
/// producer only, and 3.6 to 6.4 KB a queue.
class MoodycamelQueue {
 public:
  struct Producer {
    explicit Producer(MoodycamelQueue& to) : queue{to}, token{to.queue_} {}
    bool push(Item& item) { return queue.queue_.enqueue(token, &item); }
    MoodycamelQueue& queue;
    moodycamel::ProducerToken token;
  };
  template <class Use>
  void take(Use use) {
    std::array<Item*, 64> batch;
    while (const auto count = queue_.try_dequeue_bulk(token_, batch.begin(), batch.size()))
      for (std::size_t i = 0; i < count; ++i)
        use(*batch[i]);
  }

 private:
  moodycamel::ConcurrentQueue<Item*> queue_;
  moodycamel::ConsumerToken token_{queue_};
};

/// A deque behind a mutex, as everybody writes it first.
class LockedDeque {
 public:
  struct Producer {
    explicit Producer(LockedDeque& to) : queue{to} {}
    bool push(Item& item) {
      const std::lock_guard lock{queue.mutex_};
      queue.items_.push_back(&item);
      return true;
    }
    LockedDeque& queue;
  };
  template <class Use>
  void take(Use use) {
    {
      const std::lock_guard lock{mutex_};
      taken_.swap(items_);
    }
    for (auto* item : taken_)
      use(*item);
    taken_.clear();
  }

 private:
  std::mutex mutex_;
  std::deque<Item*> items_;
  std::deque<Item*> taken_;  // the consumer's
};

/// Floor between threads: a ring for each producer, so nobody contends and there is
/// no order across producers. A round fits, so a ring is never full.
class PrivateRings {
  static constexpr std::size_t slots = 8192;
  struct alignas(64) Ring {
    std::array<Item*, slots> items{};
    alignas(64) std::atomic<std::uint64_t> pushed{0};
    alignas(64) std::uint64_t taken = 0;
  };

 public:
  struct Producer {
    explicit Producer(PrivateRings& to)
        : ring{to.rings_[to.producers_.fetch_add(1) % to.rings_.size()]} {}
    bool push(Item& item) {
      const auto at = ring.pushed.load(std::memory_order_relaxed);
      ring.items[at % slots] = &item;
      ring.pushed.store(at + 1, std::memory_order_release);
      return true;
    }
    Ring& ring;
  };
  template <class Use>
  void take(Use use) {
    for (auto& ring : rings_) {
      const auto pushed = ring.pushed.load(std::memory_order_acquire);
      for (; ring.taken < pushed; ++ring.taken)
        use(*ring.items[ring.taken % slots]);
    }
  }

 private:
  std::vector<Ring> rings_ = std::vector<Ring>(4);
  std::atomic<std::size_t> producers_{0};
};

/// Floor: a list of one thread.
class PlainList {
 public:
  struct Producer {
    explicit Producer(PlainList& to) : queue{to} {}
    bool push(Item& item) {
      queue.list_.push_back(&item);
      return true;
    }
    PlainList& queue;
  };
  template <class Use>
  void take(Use use) {
    use_all(std::exchange(list_, {}), use);
  }

 private:
  NodeList list_;
};

template <class Queue>
void push_take(benchmark::State& state) {
  const auto burst = static_cast<std::size_t>(state.range(0));
  Queue queue;
  typename Queue::Producer producer{queue};
  std::vector<Item> items(burst);
  std::uint64_t pushed = 0;
  std::uint64_t taken = 0;
  bool good = true;

  for ([[maybe_unused]] auto _ : state) {
    for (auto& item : items) {
      item.number = pushed++;
      good = producer.push(item) && good;
    }
    queue.take([&](Item& item) { good = item.number == taken++ && good; });
    good = good && taken == pushed;
  }

  if (!good) state.SkipWithError("refused, lost or out of order");
  state.SetItemsProcessed(static_cast<std::int64_t>(taken));
}

void bursts(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("burst")->Arg(1)->Arg(16)->Arg(256);
}

BENCHMARK(push_take<PlainList>)->Name("mailbox_push_take_floor")->Apply(bursts);
BENCHMARK(push_take<MailboxQueue>)->Name("mailbox_push_take")->Apply(bursts);
BENCHMARK(push_take<StackQueue>)->Name("mailbox_push_take_stack")->Apply(bursts);
BENCHMARK(push_take<VyukovQueue>)->Name("mailbox_push_take_vyukov")->Apply(bursts);
BENCHMARK(push_take<MoodycamelQueue>)->Name("mailbox_push_take_moodycamel")->Apply(bursts);
BENCHMARK(push_take<LockedDeque>)->Name("mailbox_push_take_mutex_deque")->Apply(bursts);

/// Producer threads that push their items anew in every round.
template <class Queue>
class Producers {
 public:
  static constexpr std::size_t items_per_round = 8192;

  Producers(Queue& queue, std::uint32_t count) {
    for (std::uint32_t producer = 0; producer < count; ++producer)
      threads_.emplace_back([this, &queue, producer] { run(queue, producer); });
  }
  Producers(const Producers&) = delete;
  Producers& operator=(const Producers&) = delete;
  ~Producers() {
    start(0);
    for (auto& thread : threads_)
      thread.join();
  }

  /// Round 0 ends the threads.
  void start(std::uint64_t round) { round_.store(round, std::memory_order_release); }
  [[nodiscard]] bool refused() const { return refused_.load(); }

 private:
  void run(Queue& queue, std::uint32_t index) {
    pin_this_thread(1 + index);
    typename Queue::Producer producer{queue};
    std::vector<Item> items(items_per_round);
    std::uint64_t number = 0;
    for (std::uint64_t last = first_round;;) {
      const auto round = round_.load(std::memory_order_acquire);
      if (round == 0) return;
      if (round == last) {
        std::this_thread::yield();
        continue;
      }
      last = round;
      for (auto& item : items) {
        item.producer = index;
        item.number = number++;
        if (!producer.push(item)) refused_ = true;
      }
    }
  }

  static constexpr std::uint64_t first_round = 1;
  std::atomic<std::uint64_t> round_{first_round};
  std::atomic<bool> refused_{false};
  std::vector<std::thread> threads_;
};

template <class Queue>
void contended(benchmark::State& state) {
  const auto threads = static_cast<std::uint32_t>(state.range(0));
  const PinnedToFirst pinned;
  Queue queue;
  Producers<Queue> producers{queue, threads};
  const auto per_round = threads * Producers<Queue>::items_per_round;
  std::vector<std::uint64_t> next(threads);
  std::uint64_t round = 1;
  bool good = true;

  const WallRate rate;
  for ([[maybe_unused]] auto _ : state) {
    producers.start(++round);
    for (std::size_t taken = 0; taken < per_round;) {
      const auto before = taken;
      queue.take([&](Item& item) {
        good = item.number == next[item.producer]++ && good;
        ++taken;
      });
      if (taken == before) std::this_thread::yield();
    }
  }
  rate.report(state, (round - 1) * per_round);

  if (!good || producers.refused()) state.SkipWithError("refused, lost or out of order");
}

void producers(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("threads")->Arg(1)->Arg(2)->Arg(4);
}

BENCHMARK(contended<PrivateRings>)->Name("mailbox_contended_floor")->Apply(producers);
BENCHMARK(contended<MailboxQueue>)->Name("mailbox_contended")->Apply(producers);
BENCHMARK(contended<StackQueue>)->Name("mailbox_contended_stack")->Apply(producers);
BENCHMARK(contended<VyukovQueue>)->Name("mailbox_contended_vyukov")->Apply(producers);
BENCHMARK(contended<MoodycamelQueue>)->Name("mailbox_contended_moodycamel")->Apply(producers);
BENCHMARK(contended<LockedDeque>)->Name("mailbox_contended_mutex_deque")->Apply(producers);

}  // namespace
