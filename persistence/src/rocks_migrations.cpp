#include "persistence/src/rocks_migrations.hpp"

#include "persistence/src/counters.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/row_names.hpp"
#include "persistence/src/table_walk.hpp"
#include "persistence/src/user_kinds.hpp"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::LogField;
using engine::LogLevel;
using engine::Result;

/// Adds a row of kinds of either version; false if its bytes make no sense.
bool take_kinds(KindSums& into, std::string_view key, std::string_view value) {
  if (key.size() == prefix_bytes) return add_kinds(into, value);
  Counters count;
  if (key.size() < prefix_bytes || !add_encoded(count, value)) return false;
  into[std::string{key.substr(prefix_bytes)}] += count.lanes[kind_lane];
  return true;
}

constexpr int batch_rows = 4096;
constexpr std::uint64_t rows_between_reports = 1'000'000;

/// What a step works on.
struct Migration {
  const RocksTables& tables;
  const std::string& path;
  const engine::LogSink& log;

  void report(std::string_view what, std::uint64_t count) const {
    if (!log) return;
    const std::array fields{LogField{.key = "path", .value = path},
                            LogField{.key = what, .value = std::to_string(count)}};
    log(LogLevel::info, "the store is being migrated", fields);
  }
};

/// Rows of ids were keyed (owner, id). Both halves look alike, so a row does not tell
/// which order it has: all are written anew, from the events.
Result<void> key_ids_by_id_first(const Migration& store) {
  auto& db = store.tables.db();
  auto* ids = store.tables.handle(Table::ids);
  const std::string end(2 * prefix_bytes + 1, '\xFF');
  auto done = db.DeleteRange({}, ids, "", end);
  rocksdb::WriteBatch rows;
  std::uint64_t events = 0;
  TableWalk walk{store.tables, Table::events};
  for (; done.ok() && walk.valid(); walk.next()) {
    const auto event = decode_event(walk.value(), sequence_of(walk.key()));
    if (!event || walk.key().size() != prefix_bytes + 8)
      return Error{Errc::corrupt, "The store in " + store.path + " can't be migrated: its " +
                                      row_name(Table::events, walk.key()) +
                                      " can't be read; restore a backup"};
    const auto owner =
        event->audience == engine::Audience::everyone ? broadcasts_owner : event->owner;
    done = rows.Put(ids, id_key(owner, event->id), encode_number(event->sequence));
    if (done.ok() && rows.Count() >= batch_rows) {
      done = db.Write({}, &rows);
      rows.Clear();
    }
    if (++events % rows_between_reports == 0) store.report("events", events);
  }
  if (done.ok()) done = walk.status();
  if (done.ok()) done = db.Write({}, &rows);
  if (done.ok()) done = db.Flush({}, ids);
  // Else every look-up would have to consider that the old rows were removed.
  if (done.ok()) done = db.CompactRange({}, ids, nullptr, nullptr);
  if (!done.ok()) return to_error(done, "migrating the ids", store.path);
  store.report("events", events);
  return {};
}

/// Each kind of a user was a row of its own; now all kinds of a user are one. A user's rows
/// change at once, so that a user whose kinds were joined already is not counted twice.
Result<void> join_kinds_of_a_user(const Migration& store) {
  auto& db = store.tables.db();
  auto* kinds = store.tables.handle(Table::kinds);
  rocksdb::Status done;
  rocksdb::WriteBatch rows;
  std::string user;
  KindSums sums;
  std::uint64_t joined = 0;
  const auto end_user = [&] {
    std::string row;
    append_kinds(row, sums);
    if (!sums.empty()) done = rows.Put(kinds, user, row);
    joined += sums.size();
    sums.clear();
    if (done.ok() && rows.Count() >= batch_rows) {
      done = db.Write({}, &rows);
      rows.Clear();
    }
  };
  TableWalk walk{store.tables, Table::kinds};
  for (; done.ok() && walk.valid(); walk.next()) {
    if (!walk.is_of(user) || user.empty()) {
      end_user();
      user = walk.key().substr(0, prefix_bytes);
    }
    if (!done.ok()) break;
    if (!take_kinds(sums, walk.key(), walk.value()))
      return Error{Errc::corrupt, "The store in " + store.path + " can't be migrated: its " +
                                      row_name(Table::kinds, walk.key()) +
                                      " can't be read; restore a backup"};
    if (walk.key().size() > prefix_bytes)
      done = rows.Delete(kinds, rocksdb::Slice{walk.key().data(), walk.key().size()});
  }
  if (done.ok()) done = walk.status();
  if (done.ok()) end_user();
  if (done.ok()) done = db.Write({}, &rows);
  if (done.ok()) done = db.Flush({}, kinds);
  if (done.ok()) done = db.CompactRange({}, kinds, nullptr, nullptr);  // as above
  if (!done.ok()) return to_error(done, "migrating the kinds", store.path);
  store.report("kinds", joined);
  return {};
}

/// One step, from a version to the next one.
struct Step {
  std::uint64_t from;
  const char* what;
  Result<void> (*run)(const Migration& store);
};

/// In ascending order, without gaps up to schema_version.
constexpr std::array steps{
    Step{.from = 1, .what = "ids are keyed by id, then owner", .run = key_ids_by_id_first},
    Step{.from = 2, .what = "a user's kinds are one row", .run = join_kinds_of_a_user},
};
static_assert(steps.back().from + 1 == schema_version, "a step leads to the present version");

Result<void> run_step(const Step& step, const Migration& store) {
  if (store.log) {
    const std::array fields{
        LogField{.key = "path", .value = store.path},
        LogField{.key = "from", .value = std::to_string(step.from)},
        LogField{.key = "to", .value = std::to_string(step.from + 1)},
        LogField{.key = "what", .value = step.what},
    };
    store.log(LogLevel::warning, "the store is migrated; older programs will not open it any more",
              fields);
  }
  if (auto done = step.run(store); !done) return done;
  rocksdb::WriteOptions durable;
  durable.sync = true;
  const auto marked = store.tables.db().Put(durable, store.tables.handle(Table::meta), meta_schema,
                                            encode_number(step.from + 1));
  if (!marked.ok()) return to_error(marked, "marking the migrated store", store.path);
  return {};
}

}  // namespace

Result<void> migrate(const RocksTables& tables,
                     std::uint64_t from,
                     const std::string& path,
                     const engine::LogSink& log) {
  if (from > schema_version || from < steps.front().from)
    return Error{Errc::unsupported_version,
                 "The store in " + path + " has schema version " + std::to_string(from) +
                     "; this program reads versions " + std::to_string(steps.front().from) +
                     " to " + std::to_string(schema_version) +
                     ": use the program that wrote it, or move the directory away to begin an "
                     "empty one"};
  const Migration store{.tables = tables, .path = path, .log = log};
  for (const auto& step : steps) {
    if (step.from < from) continue;
    if (auto done = run_step(step, store); !done) return done;
  }
  return {};
}

}  // namespace carillon::persistence
