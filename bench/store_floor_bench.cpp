// Question: what do the same bytes cost without the store's meaning: appended to a file
// and synced, or put into a RocksDB with one column family and RocksDB's defaults?
// Left out on purpose: everything that makes an inbox of rows (ids, counts, kinds).
#include "bench/bench_support.hpp"
#include "bench/store_rig.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/records.hpp"

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace {

using carillon::engine::LogEntry;
using carillon::persistence::encode_event;
using carillon::persistence::sequence_key;

/// Batches of events to one writer, which is timed.
template <class Write>
void write_batches(benchmark::State& state, Write write) {
  const auto batch_size = static_cast<std::size_t>(state.range(0));
  bench::EventSource source{1};
  std::vector<LogEntry> batch;
  std::int64_t total_ns = 0;
  for ([[maybe_unused]] auto _ : state) {
    const bench::Untimed untimed{state};
    source.fill(batch, batch_size);
    state.ResumeTiming();
    const auto begun = bench::now_ns();
    const bool written = write(batch);
    const auto took = bench::now_ns() - begun;
    state.PauseTiming();
    total_ns += took;
    if (!written) state.SkipWithError("not written");
  }
  state.counters["items_per_second"] = static_cast<double>(state.iterations()) *
                                       static_cast<double>(batch_size) * 1e9 /
                                       static_cast<double>(total_ns);
}

void append_floor_file(benchmark::State& state) {
  const auto directory = bench::new_directory();
  const auto path = (directory / "journal").string();
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): POSIX
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  std::string bytes;
  std::uint64_t written = 0;
  write_batches(state, [&](const std::vector<LogEntry>& batch) {
    bytes.clear();
    for (const auto& entry : batch)
      bytes += encode_event(entry.event->view());
    written += bytes.size();
    return ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
           ::fdatasync(file) == 0;
  });
  ::close(file);
  if (std::filesystem::file_size(path) != written) state.SkipWithError("bytes are missing");
  std::filesystem::remove_all(directory);
}
BENCHMARK(append_floor_file)->ArgName("batch")->Arg(1)->Arg(100)->Arg(1'000)->Arg(10'000);

void append_floor_rocksdb(benchmark::State& state) {
  const auto directory = bench::new_directory();
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, directory.string(), &opened).ok())
    bench::give_up("can't open a RocksDB in " + directory.string());
  std::unique_ptr<rocksdb::DB> db{opened};
  rocksdb::WriteOptions durable;
  durable.sync = true;
  std::string last;
  write_batches(state, [&](const std::vector<LogEntry>& batch) {
    rocksdb::WriteBatch writes;
    for (const auto& entry : batch) {
      last = sequence_key(entry.event->owner(), entry.sequence);
      static_cast<void>(writes.Put(last, encode_event(entry.event->view())));
    }
    return db->Write(durable, &writes).ok();
  });
  std::string row;
  if (!db->Get({}, last, &row).ok()) state.SkipWithError("the last row is missing");
  db.reset();
  std::filesystem::remove_all(directory);
}
BENCHMARK(append_floor_rocksdb)->ArgName("batch")->Arg(1)->Arg(100)->Arg(1'000)->Arg(10'000);

}  // namespace
