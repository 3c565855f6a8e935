#include "persistence/src/rocks_store.hpp"

#include "persistence/src/batch_applier.hpp"
#include "persistence/src/inbox_queries.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/rocks_log_tail.hpp"
#include "persistence/src/rocks_logs.hpp"

#include <exception>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::EventId;
using engine::LogEntry;
using engine::LogField;
using engine::LogLevel;
using engine::Result;
using engine::UserId;

/// What the disk must take, beyond the batch, before the database is opened
/// anew: its manifest, a log, and some of what compaction will want.
constexpr std::uint64_t probe_extra_bytes = std::uint64_t{2} << 20U;

}  // namespace

void RocksStore::note_unsynced(RocksBatch& rows) const {
  if (unsynced_from_) rows.note(unsynced_note(*unsynced_from_));
}

Result<void> RocksStore::write(RocksBatch& rows, Durability durability) {
  if (!logs_noted_)
    if (const auto logs = tables_->replayed_logs(); !logs.empty())
      rows.put(Table::meta, meta_logs, logs);
  rocksdb::WriteBatch* writes = nullptr;
  if (const auto taken = rows.take(writes); !taken.ok())
    return to_error(taken, "preparing a commit", directory_.path());
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::now;
  const auto sequence = tables_->db().GetLatestSequenceNumber() + 1;  // of this write
  const auto status = tables_->db().Write(options, writes);
  logs_noted_ = status.ok();
  if (status.ok()) {
    if (options.sync) {
      unsynced_from_.reset();
    } else if (!unsynced_from_) {
      unsynced_from_ = sequence;
    }
    return {};
  }
  broken_ = true;
  return to_error(status, "committing", directory_.path());
}

std::shared_ptr<const Rows> RocksStore::latest_rows() const {
  return std::make_shared<RocksSnapshot>(*tables_, pending_.view());
}

void RocksStore::begin_spare_logs() {
  if (env_ != nullptr || overwriting_pays_in(directory_.path())) tables_->begin_spare_logs();
}

Result<void> RocksStore::commit(std::span<const LogEntry> batch) {
  Result<void> done;
  try {
    done = try_commit(batch);
  } catch (const std::exception& thrown) {
    done = Error{Errc::unavailable, std::string{"While committing: "} + thrown.what()};
  }
  const std::lock_guard lock{health_mutex_};
  health_.writable = static_cast<bool>(done);
  health_.reason = done ? std::string{} : done.error().text();
  return done;
}

Result<void> RocksStore::try_commit(std::span<const LogEntry> batch) {
  if (broken_) {
    const auto applied = recover(batch);
    if (!applied) return applied.error();
    if (*applied) return {};
  }
  RocksBatch rows{*tables_, additions_, holds_change(batch)};
  note_unsynced(rows);
  BatchApplier applier{rows, rows};
  for (const auto& entry : batch)
    if (auto applied = applier.apply(entry); !applied) return applied;
  applier.finish();

  pending_.prepare(rows);
  rows.put(Table::meta, meta_commits, encode_number(commits_ + 1));
  // At half of the block: what was shown but is not committed yet is bounded by
  // the engine's credit to far less than the other half.
  const auto needed = applier.last_sequence() + reservation_block / 2;
  const auto reserve = needed > reserved_until_ ? needed + reservation_block / 2 : reserved_until_;
  if (reserve != reserved_until_)
    rows.put(Table::meta, meta_reserved_until, encode_number(reserve));
  const auto record = retention_.after(batch, applier.changes(), commits_ + 1);
  rows.put(Table::meta, meta_retention, encode_retention(record));
  if (auto written = write(rows, Durability::now); !written) return written;
  // It is durable. Should showing it fail, recover() finds out that it was applied.
  broken_ = true;
  pending_.applied();
  columns_.publish(batch, applier.changes(), latest_rows());
  retention_.committed(record, batch, applier.changes());
  broken_ = false;
  ++commits_;
  reserved_until_ = reserve;
  return {};
}

Result<RetentionStep> RocksStore::retain(engine::Timestamp now, std::chrono::microseconds budget) {
  if (broken_ || !tables_) return RetentionStep{};  // the next commit recovers
  try {
    return try_retain(now, budget);
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, std::string{"While removing old events: "} + thrown.what()};
  }
}

Result<RetentionStep> RocksStore::try_retain(engine::Timestamp now,
                                             std::chrono::microseconds budget) {
  RocksBatch rows{*tables_, additions_, /*indexed=*/false};
  note_unsynced(rows);
  const auto slice = retention_.slice(rows, rows, now, budget);
  if (!slice) return slice.error();
  if (slice->writes) {
    pending_.prepare(rows);
    rows.put(Table::meta, meta_retention, encode_retention(slice->record));
    if (auto written = write(rows, Durability::with_next_commit); !written) return written.error();
    broken_ = true;
    pending_.applied();
    for (const auto& removed : slice->removed)
      columns_.forget(removed.holder, removed.sequence);
    columns_.publish({}, {}, latest_rows());
    broken_ = false;
  }
  retention_.applied(*slice);
  return slice->step;
}

// After a failed write it is open whether its record is in the log: it may be
// found there after the next crash although it was reported as failed, and the
// repeated write as well, which would count its events twice. RocksDB's Resume()
// does not settle that, and leaves a log that takes no further writes (its issues
// 11643, 12998, 12873). Opening anew replays the log: then the number says.
Result<bool> RocksStore::recover(std::span<const LogEntry> batch) {
  std::uint64_t bytes = probe_extra_bytes;
  for (const auto& entry : batch)
    bytes += entry.bytes;
  if (auto takes = directory_.probe(bytes); !takes) return takes.error();

  // Before it is replayed and taken for applied. The old database is served meanwhile;
  // after its failure it writes no log.
  auto* env = env_ != nullptr ? env_ : rocksdb::Env::Default();
  if (const auto kept = rewrite_newest_log(*env->GetFileSystem(), directory_.path()); !kept.ok())
    return to_error(kept, "writing the log again", directory_.path());
  {
    const ReadGate::Closure closed{gate_};
    columns_.clear();
    tables_.reset();
    auto opened = RocksTables::open(directory_.path(), options_, env_);
    if (!opened) return opened.error();
    tables_ = std::move(*opened);
    begin_spare_logs();
    logs_noted_ = false;
    unsynced_from_.reset();
    if (auto loaded = pending_.load(RocksSnapshot{*tables_}); !loaded) {
      tables_.reset();
      return loaded.error();
    }
    columns_.renew(latest_rows(), {});
  }
  const RocksSnapshot rows{*tables_};
  const auto commits = read_number(rows, meta_commits);
  if (!commits) return commits.error();
  const bool applied = *commits > commits_;
  if (applied) {
    const auto reserved = read_number(rows, meta_reserved_until);
    if (!reserved) return reserved.error();
    commits_ = *commits;
    reserved_until_ = *reserved;
  }
  // What the last slice of it did may be lost.
  if (auto begun = retention_.begin(rows, commits_, origin_.first_sequence); !begun)
    return begun.error();
  broken_ = false;
  if (options_.log) {
    const LogField path{.key = "path", .value = directory_.path()};
    options_.log(LogLevel::info, "the store was opened anew after a failed write", {&path, 1});
  }
  return applied;
}

template <class T, class Read>
Result<T> RocksStore::read(Read&& read) const {
  auto result = try_read<T>(std::forward<Read>(read));
  if (!result) damage_.note(result.error());
  return result;
}

template <class T, class Read>
Result<T> RocksStore::try_read(Read&& read) const {
  const ReadGate::Pass pass{gate_};
  if (!tables_)
    return Error{Errc::unavailable, "The store in " + directory_.path() +
                                        " could not be opened again after a failed write"};
  try {
    return read();
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, std::string{"While reading: "} + thrown.what()};
  }
}

Result<engine::EventPage> RocksStore::list(const engine::ListQuery& query) const {
  return read<engine::EventPage>([&] { return list_inbox(columns_, origin_.epoch, query); });
}

Result<std::string> RocksStore::get(const UserId& user, const EventId& id) const {
  return read<std::string>([&] { return read_event(*columns_.rows(), user, id); });
}

Result<std::optional<std::string>> RocksStore::find_by_id(const UserId& owner,
                                                          const EventId& id) const {
  return read<std::optional<std::string>>(
      [&] { return read_published(*columns_.rows(), owner, id); });
}

Result<engine::Aggregate> RocksStore::aggregate(const UserId& user) const {
  return read<engine::Aggregate>([&] { return read_aggregate(*columns_.rows(), user); });
}

Result<std::vector<engine::Kind>> RocksStore::kinds(const UserId& user) const {
  return read<std::vector<engine::Kind>>([&] { return read_kinds(*columns_.rows(), user); });
}

engine::InboxHealth RocksStore::health() const {
  {
    const std::lock_guard lock{health_mutex_};
    if (!health_.writable) return health_;
  }
  if (load().stall != WriteStall::stopped) return {.writable = true, .reason = damage_.latest()};
  return {.writable = false,
          .reason = "Writes to the store in " + directory_.path() +
                    " wait until it has merged its files; the disk is too slow for the load"};
}

StoreLoad RocksStore::load() const {
  const ReadGate::Pass pass{gate_};
  auto load = tables_ ? tables_->load() : StoreLoad{};
  columns_.add_load(load);
  load.damaged_reads_total = damage_.count();
  load.pending_counts_bytes = pending_.bytes();
  load.retention = retention_.load();
  return load;
}

}  // namespace carillon::persistence
