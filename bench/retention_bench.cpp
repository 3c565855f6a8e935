// Question: what does it cost commits that old events leave as fast as new ones come?
//
// A store that is full: from its present size on, each event pushes one out. As WriteBehind
// does, a slice of retention precedes each commit, for as long as the commit before it took
// (0.5 to 2 ms, more while it is behind); both together are what is timed, since that is how
// long a publisher waits who comes when the slice begins. Without a bound: the floor.
// `left_over` is what retention had still to remove at the end, in events.
#include "bench/store_rig.hpp"
#include "bench/timed_calls.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace {

using namespace carillon::engine;
using bench::EventSource;
using carillon::persistence::RetentionOptions;
using carillon::persistence::Store;
using std::chrono::microseconds;

std::uint64_t rows() {
  return std::min<std::uint64_t>(300'000, bench::rows_for_reads());
}
enum Bound : std::int64_t { none, bytes, age, count };

Timestamp now() {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

RetentionOptions options_for(Bound bound, const Store& store) {
  RetentionOptions options;
  if (bound == bytes) options.bytes = store.load().retention.bytes;
  if (bound == age) options.age = std::chrono::milliseconds{1};  // all that was there before
  if (bound == count)
    options.events_per_user = std::max<std::uint64_t>(1, rows() / bench::random_users);
  return options;
}

/// False if the store refuses.
bool settle(Store& store) {
  for (;;) {
    const auto step = store.retain(now(), microseconds{50'000});
    if (!step) return false;
    if (!step->more) return true;
  }
}

void append_while_events_leave(benchmark::State& state) {
  const auto bound = static_cast<Bound>(state.range(1));
  const auto batch_size = static_cast<std::size_t>(state.range(0));
  auto store = bench::store_with(rows());
  if (!settle(*store)) bench::give_up("retention fails");
  store->set_retention(options_for(bound, *store));
  // The first look at all users is not the steady state. Events that are too old are.
  if (bound != age && !settle(*store)) bench::give_up("retention fails");

  EventSource source{store->origin().first_sequence};
  std::vector<LogEntry> batch;
  bench::TimedCalls calls;
  microseconds took{0};
  bool behind = false;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    source.fill(batch, batch_size);
    const bool done = calls.time(state, [&] {
      const auto step = store->retain(
          now(), std::clamp(took, microseconds{500}, microseconds{behind ? 50'000 : 2'000}));
      behind = step && step->behind;
      const auto begun = std::chrono::steady_clock::now();
      const auto committed = store->commit(batch);
      took = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begun);
      return step && committed;
    });
    if (!done) {
      state.SkipWithError("not committed, or not removed");
      break;
    }
  }
  calls.report(state, batch_size);
  const auto load = store->load().retention;
  std::uint64_t removed = 0;
  for (const auto events : load.removed)
    removed += events;
  state.counters["removed"] = static_cast<double>(removed);
  const auto size =
      std::max<std::uint64_t>(1, load.bytes / std::max<std::uint64_t>(1, load.events));
  state.counters["left_over"] = static_cast<double>(load.waiting_users + load.bytes_over / size);
}
BENCHMARK(append_while_events_leave)
    ->ArgNames({"batch", "bound"})
    ->ArgsProduct({{1, 100, 1'000}, {none, bytes, age, count}});

}  // namespace
