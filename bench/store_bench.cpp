// Question: how many events a second does the store make durable, by the size of the
// batch and by how much it holds already, and how long does a read take then?
// Left out on purpose: the threads around the store (write_behind_bench has the
// writer's), the network, large inboxes (store_read_bench has those).
//
// Time is what the call takes; making the events and checking afterwards that they
// are there are not in it. Each commit is synced. Percentiles are of single calls.
#include "bench/store_rig.hpp"
#include "bench/timed_calls.hpp"
#include "carillon/persistence/open_store.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace carillon::engine;
using bench::EventSource;
using Calls = bench::TimedCalls;
using carillon::persistence::open_store;
using carillon::persistence::Store;

constexpr std::uint64_t page_events = 25;

bool is_there(const Store& store, const Event& event) {
  const auto found = store.find_by_id(event.owner(), event.id());
  return found && *found && (*found)->find(event.description()) != std::string::npos;
}

void commit_batches(benchmark::State& state, Store& store, std::size_t batch_size) {
  EventSource source{store.origin().first_sequence};
  std::vector<LogEntry> batch;
  Calls calls;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    source.fill(batch, batch_size);
    const auto done = calls.time(state, [&] { return store.commit(batch); });
    if (!done || !is_there(store, *batch[source.random() % batch.size()].event)) {
      state.SkipWithError("not committed, or not found");
      break;
    }
  }
  calls.report(state, batch_size);
}

void append(benchmark::State& state) {
  auto store = bench::store_with(0);
  commit_batches(state, *store, static_cast<std::size_t>(state.range(0)));
}
BENCHMARK(append)->ArgName("batch")->Arg(1)->Arg(100)->Arg(1'000)->Arg(10'000);

void append_at(benchmark::State& state) {
  auto store = bench::store_with(static_cast<std::uint64_t>(state.range(0)));
  commit_batches(state, *store, 1'000);
}
BENCHMARK(append_at)->ArgName("rows")->Arg(0)->Arg(1'000'000)->Arg(10'000'000);

/// Opening a store that was closed. What it opens must be what was written.
void open_at(benchmark::State& state) {
  if (bench::other_store()) {
    state.SkipWithError("RocksDB only");
    return;
  }
  const auto directory = bench::closed_store_with(static_cast<std::uint64_t>(state.range(0)));
  const auto url = "rocksdb:" + directory.string();
  Calls calls;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    const auto store = calls.time(state, [&url] { return open_store({.url = url}); });
    const auto page = store ? (*store)->list({.user = bench::user_number(bench::busy_user)})
                            : Result<EventPage>{Errc::io};
    if (!page || page->total_count != static_cast<std::uint64_t>(state.range(0)) / 100)
      state.SkipWithError("not opened, or not all there");
  }
  calls.report(state, 1);
  std::filesystem::remove_all(directory);
}
BENCHMARK(open_at)->ArgName("rows")->Arg(1'000'000)->Arg(10'000'000);

/// Opening what a crash leaves: a log of 100,000 events that no file holds yet.
void open_after_crash(benchmark::State& state) {
  constexpr std::size_t batches = 10;
  if (bench::other_store()) {
    state.SkipWithError("RocksDB only");
    return;
  }
  auto store = bench::store_with(static_cast<std::uint64_t>(state.range(0)));
  EventSource source{store->origin().first_sequence};
  std::vector<LogEntry> batch;
  for (std::size_t i = 0; i < batches; ++i) {
    source.fill(batch, bench::fill_batch);
    if (!store->commit(batch)) state.SkipWithError("not committed");
  }
  Calls calls;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    const auto directory = bench::copy_of(store.directory());
    const auto url = "rocksdb:" + directory.string();
    {
      const auto opened = calls.time(state, [&url] { return open_store({.url = url}); });
      if (!opened || !is_there(**opened, *batch.back().event))
        state.SkipWithError("not opened, or not all there");
    }
    std::filesystem::remove_all(directory);
  }
  calls.report(state, 1);
}
BENCHMARK(open_after_crash)->ArgName("rows")->Arg(0)->Arg(10'000'000);

/// Reads of random users of one store, each checked.
template <class Read>
void read_random_users(benchmark::State& state, Read read) {
  auto store = bench::store_with(bench::rows_for_reads());
  EventSource source{store->origin().first_sequence};
  Calls calls;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    const auto user = bench::user_number(source.random() % bench::random_users);
    if (!read(*store, user, [&](auto call) { return calls.time(state, call); })) {
      state.SkipWithError("not the answer that was expected");
      break;
    }
  }
  calls.report(state, 1);
}

void latest_page(benchmark::State& state) {
  read_random_users(state, [](const Store& store, const UserId& user, auto time) {
    const auto page = time([&] { return store.list({.user = user, .page_size = page_events}); });
    return page && page->events.size() == std::min(page_events, page->total_count);
  });
}
BENCHMARK(latest_page);

void latest_page_by_cursor(benchmark::State& state) {
  read_random_users(state, [](const Store& store, const UserId& user, auto time) {
    const Position end{.user = sequence_max, .broadcast = sequence_max};
    const auto page =
        time([&] { return store.list({.user = user, .page_size = page_events, .before = end}); });
    return page && page->events.size() == std::min(page_events, page->total_count);
  });
}
BENCHMARK(latest_page_by_cursor);

void filtered_page(benchmark::State& state) {
  read_random_users(state, [](const Store& store, const UserId& user, auto time) {
    Filter filter;
    filter.categories = {"component"};
    filter.severities = {Severity::error, Severity::alert, Severity::critical};
    const auto page = time(
        [&] { return store.list({.user = user, .filter = filter, .page_size = page_events}); });
    return page && page->events.size() == std::min(page_events, page->total_count);
  });
}
BENCHMARK(filtered_page);

void counts(benchmark::State& state) {
  read_random_users(state, [](const Store& store, const UserId& user, auto time) {
    const auto all = time([&] { return store.aggregate(user); });
    const auto page = store.list({.user = user, .page_size = 0});
    return all && page && all->total == page->total_count;
  });
}
BENCHMARK(counts);

/// Marks what a user's latest page shows as read, by ids, in a commit of its own.
void bulk_status(benchmark::State& state) {
  auto store = bench::store_with(bench::rows_for_reads());
  EventSource source{store->origin().first_sequence};
  std::vector<LogEntry> batch(1);
  Calls calls;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    const auto owner = source.random() % bench::random_users;
    std::vector<LogEntry> events;
    for (std::uint64_t i = 0; i < page_events; ++i)
      events.push_back(source.of(owner));
    const bool there = static_cast<bool>(store->commit(events));
    const auto change = std::make_shared<Change>();
    change->user = bench::user_number(owner);
    for (const auto& entry : events)
      change->ids.push_back(entry.event->id());
    change->sequence = source.next_sequence();
    batch[0].change = change;
    batch[0].sequence = change->sequence;
    const auto done = calls.time(state, [&] { return store->commit(batch); });
    if (!there || !done || change->affected.size() != page_events) {
      state.SkipWithError("not all events were marked");
      break;
    }
  }
  calls.report(state, page_events);
}
BENCHMARK(bulk_status);

}  // namespace
