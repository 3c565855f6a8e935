// Question: what does it cost to wake one sleeping thread, and to tell one that is awake,
// by the ways that a shard could have been woken?
// Left out on purpose: the engine (handoff_bench), spinning before the sleep, several
// producers.
//
// A number goes from the benchmark's thread on the first processor to a receiver on the
// second one. wakeup_way_*: one every 200 us, so the receiver sleeps between them; read
// the percentiles, and publish_ns for the sender. wakeup_way_busy_*: as fast as they go,
// at most 16,384 ahead; read the time per event, which two looks at the clock are part of.
// ..._word is the shard's way: a word that says whether a wake-up is pending, exchanged
// for each event, slept on by std::atomic::wait; ..._word_paced lets a look that
// found several wait before the next, as a shard does. ..._atomic notifies each event. ..._eventfd
// has the same word, but sleeps in read(). ..._condition is a mutex with a
// condition variable, ..._blocking_queue moodycamel's, which spins before it sleeps.
// Their floor is handoff_latency_asleep_floor.
#include "bench/pace.hpp"
#include "bench/pinned.hpp"

#include <benchmark/benchmark.h>
#include <blockingconcurrentqueue.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace {

using bench::DueTimes;
using bench::now_ns;
using bench::Received;

// Each way has
//   tell(number)  the sender: numbers ascend
//   wait(seen)    the receiver: sleeps until told, the newest number; `seen` at worst

class Word {
 public:
  void tell(std::uint64_t number) {
    number_.store(number, std::memory_order_relaxed);
    if (pending_.exchange(1, std::memory_order_acq_rel) == 0) pending_.notify_one();
  }
  std::uint64_t wait(std::uint64_t /*seen*/) {
    pending_.wait(0, std::memory_order_acquire);
    pending_.exchange(0, std::memory_order_acq_rel);
    return number_.load(std::memory_order_relaxed);
  }

 private:
  alignas(64) std::atomic<std::uint64_t> number_{0};
  alignas(64) std::atomic<std::uint32_t> pending_{0};  // the size that a futex has
};

/// With Options::turn_interval_max: what came with the last look decides how long the
/// next one waits.
class PacedWord : public Word {
 public:
  std::uint64_t wait(std::uint64_t seen) {
    constexpr std::int64_t per_event_ns = 200;
    constexpr std::int64_t interval_max_ns = 20'000;
    const auto events = static_cast<std::int64_t>(seen - seen_before_);
    seen_before_ = seen;
    if (events > 1) bench::wait_until(now_ns() + std::min(interval_max_ns, events * per_event_ns));
    return Word::wait(seen);
  }

 private:
  std::uint64_t seen_before_ = 0;
};

class AtomicWait {
 public:
  void tell(std::uint64_t number) {
    number_.store(static_cast<std::uint32_t>(number), std::memory_order_release);
    number_.notify_one();
  }
  std::uint64_t wait(std::uint64_t seen) {
    number_.wait(static_cast<std::uint32_t>(seen), std::memory_order_acquire);
    return number_.load(std::memory_order_acquire);
  }

 private:
  alignas(64) std::atomic<std::uint32_t> number_{0};  // the size that a futex has
};

class Eventfd {
 public:
  Eventfd() = default;
  ~Eventfd() { close(fd_); }
  Eventfd(const Eventfd&) = delete;
  Eventfd& operator=(const Eventfd&) = delete;

  void tell(std::uint64_t number) {
    number_.store(number, std::memory_order_relaxed);
    if (pending_.exchange(true, std::memory_order_acq_rel)) return;
    static_cast<void>(eventfd_write(fd_, 1));
  }
  std::uint64_t wait(std::uint64_t /*seen*/) {
    eventfd_t count = 0;
    static_cast<void>(eventfd_read(fd_, &count));
    pending_.exchange(false, std::memory_order_acq_rel);
    return number_.load(std::memory_order_relaxed);
  }

 private:
  alignas(64) std::atomic<std::uint64_t> number_{0};
  alignas(64) std::atomic<bool> pending_{false};
  const int fd_ = eventfd(0, EFD_CLOEXEC);
};

class Condition {
 public:
  void tell(std::uint64_t number) {
    {
      const std::lock_guard lock{mutex_};
      number_ = number;
    }
    told_.notify_one();
  }
  std::uint64_t wait(std::uint64_t seen) {
    std::unique_lock lock{mutex_};
    told_.wait(lock, [&] { return number_ != seen; });
    return number_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::uint64_t number_ = 0;
};

class BlockingQueue {
 public:
  void tell(std::uint64_t number) { static_cast<void>(queue_.enqueue(producer_, number)); }
  std::uint64_t wait(std::uint64_t /*seen*/) {
    std::array<std::uint64_t, 64> numbers{};
    const auto count = queue_.wait_dequeue_bulk(consumer_, numbers.begin(), numbers.size());
    return numbers[count - 1];
  }

 private:
  moodycamel::BlockingConcurrentQueue<std::uint64_t> queue_;
  moodycamel::ProducerToken producer_{queue_};
  moodycamel::ConsumerToken consumer_{queue_};
};

/// A receiver behind one of them.
template <class Way>
class WayChannel {
 public:
  WayChannel(std::chrono::microseconds /*spin*/, DueTimes& due, Received& received)
      : thread_{[this, &due, &received] {
          bench::pin_this_thread(1);
          received.start();
          run(due, received);
        }} {}
  void prepare() {}
  bool send(std::uint64_t number) {
    way_.tell(number);
    return true;
  }
  bool stop(std::uint64_t sent) {
    end_ = sent + 1;
    way_.tell(sent + 1);
    thread_.join();
    return true;
  }

 private:
  void run(DueTimes& due, Received& received) {
    for (std::uint64_t last = 0; last != end_;) {
      const auto newest = way_.wait(last);
      const auto now = now_ns();
      const bool ended = newest == end_;
      for (; last != newest - (ended ? 1 : 0); ++last)
        received.latencies.add(now - due.of(last));
      received.seen.store(last, std::memory_order_release);
      if (ended) return;
    }
  }

  Way way_;
  std::atomic<std::uint64_t> end_{UINT64_MAX};
  std::thread thread_;  // last: it uses the others
};

template <class Way>
void asleep(benchmark::State& state) {
  bench::pace<WayChannel<Way>>(state, {}, [] { return 200'000; });
}
BENCHMARK(asleep<Word>)->Name("wakeup_way_word");
BENCHMARK(asleep<PacedWord>)->Name("wakeup_way_word_paced");
BENCHMARK(asleep<AtomicWait>)->Name("wakeup_way_atomic");
BENCHMARK(asleep<Eventfd>)->Name("wakeup_way_eventfd");
BENCHMARK(asleep<Condition>)->Name("wakeup_way_condition");
BENCHMARK(asleep<BlockingQueue>)->Name("wakeup_way_blocking_queue");

template <class Way>
void busy(benchmark::State& state) {
  bench::pace<WayChannel<Way>>(state, {}, [] { return 0; });
}
BENCHMARK(busy<Word>)->Name("wakeup_way_busy_word");
BENCHMARK(busy<PacedWord>)->Name("wakeup_way_busy_word_paced");
BENCHMARK(busy<AtomicWait>)->Name("wakeup_way_busy_atomic");
BENCHMARK(busy<Eventfd>)->Name("wakeup_way_busy_eventfd");
BENCHMARK(busy<Condition>)->Name("wakeup_way_busy_condition");
BENCHMARK(busy<BlockingQueue>)->Name("wakeup_way_busy_blocking_queue");

}  // namespace
