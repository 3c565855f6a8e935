// Question: how long does a read of a large inbox take, of a user with a hundredth of the
// store's events (100,000 of 10 M) and of one with half of them?
// Left out on purpose: reads of small inboxes (store_bench has those), the reader threads,
// the network.
//
// Before each read the store commits 100 events, one of them the user's, and every tenth
// time a change of the user's: what a read finds is never what it found before. The commit
// is not in the time. Columns are built beforehand; build_columns is that alone, the first
// read after an opening. Percentiles are of single calls; each answer is checked.
#include "bench/store_rig.hpp"
#include "bench/timed_calls.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

namespace {

using namespace carillon::engine;
using bench::EventSource;
using carillon::persistence::Store;

constexpr std::uint64_t page_events = 25;

std::uint64_t user_of(const benchmark::State& state) {
  return state.range(0) == 1 ? bench::busy_user : bench::large_user;
}

/// Holds the store open over all benchmarks: filling and columns cost minutes.
struct Rig {
  bench::StoreInUse store = bench::store_with_large_inboxes();
  EventSource source{store->origin().first_sequence};
  std::uint64_t commits = 0;

  bool commit_for(std::uint64_t user) {
    std::vector<LogEntry> batch;
    source.fill(batch, 98);
    batch.push_back(source.of(user));
    if (++commits % 10 == 0) {
      auto change = std::make_shared<Change>();
      change->user = bench::user_number(user);
      change->ids = {batch.back().event->id()};
      change->sequence = source.next_sequence();
      change->at = batch.back().event->created_at();
      batch.emplace_back();
      batch.back().change = change;
      batch.back().sequence = change->sequence;
    }
    return static_cast<bool>(store->commit(batch));
  }
};

std::unique_ptr<Rig>& rig_slot() {
  static std::unique_ptr<Rig> rig;
  return rig;
}

Rig& rig() {
  if (!rig_slot()) {
    rig_slot() = std::make_unique<Rig>();
    // Closed before what RocksDB keeps in statics, which it made while it was opened.
    std::atexit([] { rig_slot().reset(); });  // NOLINT(cert-err33-c): else it is not closed
  }
  return *rig_slot();
}

/// Times `read` of a query's kind; `check` says whether the answer can be right.
template <class Read>
void read_large(benchmark::State& state, Read read) {
  auto& at = rig();
  const auto user = user_of(state);
  const ListQuery warm{.user = bench::user_number(user), .sort = SortKey::created_at};
  if (!at.store->list(warm)) state.SkipWithError("not readable");
  bench::TimedCalls calls;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    const bool committed = at.commit_for(user);
    if (!committed || !read(*at.store, bench::user_number(user),
                            [&](auto call) { return calls.time(state, call); })) {
      state.SkipWithError("not the answer that was expected");
      break;
    }
  }
  calls.report(state, 1);
}

/// Checks a page against the page's own totals.
template <class MakeQuery>
void read_pages(benchmark::State& state, MakeQuery make) {
  read_large(state, [&](const Store& store, const UserId& user, auto time) {
    const ListQuery query = make(store, user);
    const auto page = time([&] { return store.list(query); });
    if (!page) return false;
    const auto skipped = query.after || query.before ? 0 : query.page * query.page_size;
    const auto rest = page->total_count - std::min(skipped, page->total_count);
    return page->total_count > 0 && page->read_count <= page->total_count &&
           (query.before || page->events.size() == std::min(query.page_size, rest));
  });
}

Filter failures() {
  Filter filter;
  filter.categories = {"component"};
  filter.severities = {Severity::error, Severity::alert, Severity::critical};
  return filter;
}

void large_latest_page(benchmark::State& state) {
  read_pages(state, [](const Store&, const UserId& user) {
    return ListQuery{.user = user, .page_size = page_events};
  });
}

void large_filtered_page(benchmark::State& state) {
  read_pages(state, [](const Store&, const UserId& user) {
    return ListQuery{.user = user, .filter = failures(), .page_size = page_events};
  });
}

/// One resource of a thousand, unread only.
void large_resource_page(benchmark::State& state) {
  read_pages(state, [](const Store&, const UserId& user) {
    Filter filter;
    filter.acted_upon = {bench::user_number(bench::random_users + 7)};
    filter.status = Status::unread;
    return ListQuery{.user = user, .filter = filter, .page_size = page_events};
  });
}

/// Text that one description of some thousands holds.
void large_search(benchmark::State& state) {
  read_pages(state, [](const Store&, const UserId& user) {
    Filter filter;
    filter.search = "DESIGN 7A3";
    return ListQuery{.user = user, .filter = filter, .page_size = page_events};
  });
}

void large_search_common(benchmark::State& state) {
  read_pages(state, [](const Store&, const UserId& user) {
    Filter filter;
    filter.search = "was applied";
    return ListQuery{.user = user, .filter = filter, .page_size = page_events};
  });
}

/// The page in the middle.
void large_deep_page(benchmark::State& state) {
  read_pages(state, [](const Store& store, const UserId& user) {
    const auto page = store.list({.user = user, .page_size = 0});
    return ListQuery{.user = user,
                     .page = page ? page->total_count / 2 / page_events : 0,
                     .page_size = page_events};
  });
}

void large_deep_page_created(benchmark::State& state) {
  read_pages(state, [](const Store& store, const UserId& user) {
    const auto page = store.list({.user = user, .page_size = 0});
    return ListQuery{.user = user,
                     .sort = SortKey::created_at,
                     .descending = false,
                     .page = page ? page->total_count / 2 / page_events : 0,
                     .page_size = page_events};
  });
}

void large_page_by_cursor(benchmark::State& state) {
  read_pages(state, [](const Store&, const UserId& user) {
    const Position end{.user = sequence_max, .broadcast = sequence_max};
    return ListQuery{.user = user, .filter = failures(), .page_size = page_events, .before = end};
  });
}

void large_counts(benchmark::State& state) {
  read_large(state, [](const Store& store, const UserId& user, auto time) {
    const auto all = time([&] { return store.aggregate(user); });
    const auto page = store.list({.user = user, .page_size = 0});
    return all && page && all->total == page->total_count;
  });
}

void large_kinds(benchmark::State& state) {
  read_large(state, [](const Store& store, const UserId& user, auto time) {
    const auto kinds = time([&] { return store.kinds(user); });
    return kinds && kinds->size() == 12;
  });
}

/// A commit of 100 events, one of them of a user whose columns are kept.
void large_commit(benchmark::State& state) {
  auto& at = rig();
  const auto user = user_of(state);
  static_cast<void>(at.store->list({.user = bench::user_number(user)}));
  bench::TimedCalls calls;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    if (!calls.time(state, [&] { return at.commit_for(user); })) {
      state.SkipWithError("not committed");
      break;
    }
  }
  calls.report(state, 1);
}

/// The first read after an opening.
void build_columns(benchmark::State& state) {
  rig_slot().reset();
  bench::TimedCalls calls;
  std::uint64_t bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    const auto store = bench::store_with_large_inboxes();
    const auto page = calls.time(
        state, [&] { return store->list({.user = bench::user_number(user_of(state))}); });
    bytes = store->load().columns_bytes;
    if (!page || page->events.size() != page_events) state.SkipWithError("not read");
  }
  state.counters["columns_bytes"] = static_cast<double>(bytes);
  calls.report(state, 1);
}

void large_users(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("percent")->Arg(1)->Arg(50)->Unit(benchmark::kMicrosecond);
}

BENCHMARK(build_columns)->Apply(large_users)->Iterations(3);
BENCHMARK(large_latest_page)->Apply(large_users);
BENCHMARK(large_filtered_page)->Apply(large_users);
BENCHMARK(large_resource_page)->Apply(large_users);
BENCHMARK(large_search)->Apply(large_users);
BENCHMARK(large_search_common)->Apply(large_users);
BENCHMARK(large_deep_page)->Apply(large_users);
BENCHMARK(large_deep_page_created)->Apply(large_users);
BENCHMARK(large_page_by_cursor)->Apply(large_users);
BENCHMARK(large_counts)->Apply(large_users);
BENCHMARK(large_kinds)->Apply(large_users);
BENCHMARK(large_commit)->Apply(large_users);

}  // namespace
