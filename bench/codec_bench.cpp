// Question: what does it cost to turn a publish into an event and an event into
// its JSON, and which part of that is ours to improve?
// Left out on purpose: WebSocket and SSE frames, sockets, queues and the store
// (see the other benchmarks). One thread, everything in cache.
//
// Each group begins with its floor: the memory traffic that no codec can avoid,
// or simdjson's own pass over the same text.
#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event_parser.hpp"
#include "carillon/engine/ids.hpp"
#include "carillon/engine/timestamp.hpp"

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using namespace carillon::engine;

/// A publish as Meshery's UI sends it, about 400 bytes.
constexpr std::string_view publish =
    R"({"actedUpon":"018f2f6e-7c3a-7b4e-9d2a-5f1c0e8a7b6d","category":"pattern",)"
    R"("action":"deploy","severity":"success","description":"Pattern \"bookinfo\" was deployed )"
    R"(to 3 clusters in 12.4 seconds","metadata":{"doc":"https://docs.meshery.io/patterns",)"
    R"("clusters":["prod-eu-1","prod-eu-2","prod-us-1"],"summary":{"created":14,"changed":3,)"
    R"("unchanged":121,"failed":0},"durationSeconds":12.4}})";
static_assert(publish.size() > 350 && publish.size() < 450);

constexpr std::string_view uuid_text = "018f2f6e-7c3a-7b4e-9d2a-5f1c0e8a7b6d";
constexpr std::string_view time_text = "2026-11-23T19:14:10.123456Z";

Timestamp bench_time() {
  return *parse_timestamp(time_text);
}

void set_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

// --- A publish's text ---------------------------------------------------------

// Floor: to copy the text once.
void publish_copy(benchmark::State& state) {
  std::array<char, publish.size()> out;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(std::memcpy(out.data(), publish.data(), publish.size()));
    benchmark::ClobberMemory();
  }
  set_bytes(state, publish.size());
}
BENCHMARK(publish_copy);

// Floor of reading it: simdjson parses everything into its tape.
void publish_simdjson_dom(benchmark::State& state) {
  const simdjson::padded_string padded{publish};
  simdjson::dom::parser parser;
  bool read = true;
  for ([[maybe_unused]] auto _ : state)
    read = read && parser.parse(padded).error() == simdjson::SUCCESS;
  if (!read) state.SkipWithError("simdjson refused the text");
  set_bytes(state, publish.size());
}
BENCHMARK(publish_simdjson_dom);

void publish_check_json(benchmark::State& state) {
  bool good = true;
  for ([[maybe_unused]] auto _ : state)
    good = good && check_json(publish).empty();
  if (!good) state.SkipWithError("refused: this measured the error path");
  set_bytes(state, publish.size());
}
BENCHMARK(publish_check_json);

void publish_minify(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    auto text = minify_json(publish);
    benchmark::DoNotOptimize(text);
  }
  set_bytes(state, publish.size());
}
BENCHMARK(publish_minify);

// The whole way of a publish: text in, pooled event out.
void publish_parse(benchmark::State& state) {
  EventPool pool;
  EventParser parser{pool, make_uuid_v4()};
  const Publisher publisher{.user = make_uuid_v4()};
  static_cast<void>(parser.parse(publish, publisher));  // warms buffers and pool
  const auto warm = pool.blocks_allocated_approx();
  bool accepted = true;
  for ([[maybe_unused]] auto _ : state)
    accepted = accepted && static_cast<bool>(parser.parse(publish, publisher));
  if (!accepted) state.SkipWithError("refused: this measured the error path");
  set_bytes(state, publish.size());
  state.counters["pool_blocks"] = static_cast<double>(pool.blocks_allocated_approx() - warm);
}
BENCHMARK(publish_parse);

// What a refusal costs: all faults, in sentences.
void publish_refuse(benchmark::State& state) {
  constexpr std::string_view invalid =
      R"({"id":"x","category":"A","severity":"bad","metadata":[],"description":"none"})";
  EventPool pool;
  EventParser parser{pool, make_uuid_v4()};
  const Publisher publisher{.user = make_uuid_v4()};
  bool refused = true;
  for ([[maybe_unused]] auto _ : state)
    refused = refused && parser.parse(invalid, publisher).details.size() == 5;
  if (!refused) state.SkipWithError("not the five faults that were meant");
  set_bytes(state, invalid.size());
}
BENCHMARK(publish_refuse);

// --- An event from fields -----------------------------------------------------

// Floor: malloc and free of a block of that size, on one thread.
void event_malloc_free(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    auto* memory = ::operator new(1024);
    benchmark::DoNotOptimize(memory);
    ::operator delete(memory);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_malloc_free);

void event_build(benchmark::State& state) {
  EventPool pool;
  EventBuilder builder{pool};
  builder.from_user(make_uuid_v4())
      .with_category("pattern")
      .with_action("deploy")
      .with_severity(Severity::success)
      .with_description("Pattern \"bookinfo\" was deployed to 3 clusters in 12.4 seconds")
      .with_metadata(R"({"doc":"https://docs.meshery.io/patterns","failed":0})");
  bool built = true;
  for ([[maybe_unused]] auto _ : state)
    built = built && static_cast<bool>(builder.build());
  if (!built) state.SkipWithError("refused: this measured the error path");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_build);

// --- The tail that completes a stored body ------------------------------------

// Floor: to append as many bytes to a string with room for them.
void tail_copy(benchmark::State& state) {
  std::string tail;
  append_event_tail(tail, {.updated_at = bench_time(), .deleted_at = {}}, bench_time(),
                    123'456'789);
  std::string out;
  for ([[maybe_unused]] auto _ : state) {
    out.clear();
    out += tail;
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  set_bytes(state, tail.size());
}
BENCHMARK(tail_copy);

void tail_encode(benchmark::State& state) {
  const auto time = bench_time();
  std::string out;
  for ([[maybe_unused]] auto _ : state) {
    out.clear();
    append_event_tail(out, {.updated_at = time, .deleted_at = {}}, time, 123'456'789);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  set_bytes(state, out.size());
}
BENCHMARK(tail_encode);

// --- Short texts --------------------------------------------------------------

// Floor: to copy a text of this length.
template <std::size_t Bytes>
void text_copy(benchmark::State& state) {
  std::array<char, Bytes> from{};
  std::array<char, Bytes> to{};
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(from);
    to = from;
    benchmark::DoNotOptimize(to);
  }
  set_bytes(state, Bytes);
}
BENCHMARK_TEMPLATE(text_copy, uuid_text_bytes);

template <std::size_t Bytes, class Value, class Format>
void format_one(benchmark::State& state, Value value, Format format) {
  std::array<char, Bytes> out{};
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(value);
    format(value, out.data());
    benchmark::DoNotOptimize(out);
  }
  set_bytes(state, Bytes);
}

template <class Parse>
void parse_one(benchmark::State& state, std::string text, Parse parse) {
  bool read = true;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(text.data());
    const auto value = parse(std::string_view{text});
    read = read && value.has_value();
    benchmark::DoNotOptimize(value);
  }
  if (!read) state.SkipWithError("refused: this measured the error path");
  set_bytes(state, text.size());
}

void uuid_format(benchmark::State& state) {
  format_one<uuid_text_bytes>(state, *parse_uuid(uuid_text), format_uuid);
}
BENCHMARK(uuid_format);

void uuid_parse(benchmark::State& state) {
  parse_one(state, std::string{uuid_text}, parse_uuid);
}
BENCHMARK(uuid_parse);

void time_format(benchmark::State& state) {
  format_one<timestamp_text_bytes>(state, bench_time(), format_timestamp);
}
BENCHMARK(time_format);

void time_parse(benchmark::State& state) {
  parse_one(state, std::string{time_text}, parse_timestamp);
}
BENCHMARK(time_parse);

void cursor_format(benchmark::State& state) {
  const Cursor cursor{.epoch = 0x1234567890AB, .position = {.user = 123'456'789, .broadcast = 7}};
  format_one<cursor_text_bytes>(state, cursor, format_cursor);
}
BENCHMARK(cursor_format);

void cursor_parse(benchmark::State& state) {
  const Cursor cursor{.epoch = 0x1234567890AB, .position = {.user = 123'456'789, .broadcast = 7}};
  parse_one(state, to_string(cursor), parse_cursor);
}
BENCHMARK(cursor_parse);

// --- New ids ------------------------------------------------------------------

// Floor of the version with the time in it: to read the clock.
void id_clock(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(now());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(id_clock);

void id_make_v4(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(make_uuid_v4());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(id_make_v4);

void id_make_v7(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(make_uuid_v7());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(id_make_v7);

}  // namespace
