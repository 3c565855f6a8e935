#include "persistence/src/rocks_import.hpp"

#include "carillon/persistence/open_store.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/new_identity.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/table_walk.hpp"

#include <algorithm>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Error;
using engine::Result;
using engine::Sequence;

constexpr std::size_t broadcasts_kept = 65'536;

/// meta: the offset that sequences of this epoch were given when they were imported.
std::string import_key(engine::Epoch epoch) {
  return "import." + std::to_string(epoch);
}

void add_to(std::unordered_map<std::string, std::int64_t>& kinds,
            const engine::UserId& user,
            std::string_view category,
            std::string_view action,
            std::int64_t count) {
  kinds[kind_key(user, category, action)] += count;
}

}  // namespace

Result<std::unique_ptr<ImportTarget>> RocksImport::open(const std::string& path) {
  // A store of this version with an identity, or the reason why not.
  if (const auto made = open_store({.url = "rocksdb:" + path}); !made) return made.error();
  auto directory = StoreDirectory::open(path);
  if (!directory) return directory.error();
  auto tables = RocksTables::open(path, {});
  if (!tables) return tables.error();
  return std::unique_ptr<ImportTarget>{new RocksImport{std::move(*directory), std::move(*tables)}};
}

Result<bool> RocksImport::begin(const ExportHeader& header) {
  const RocksSnapshot rows{*tables_};
  const auto reserved = read_number(rows, meta_reserved_until);
  if (!reserved) return reserved.error();
  const auto commits = read_number(rows, meta_commits);
  if (!commits) return commits.error();
  std::string offset;
  const auto known = rows.get(Table::meta, import_key(header.epoch), offset);
  if (!known) return known.error();
  const bool empty = !TableWalk{*tables_, Table::events}.valid();
  const auto shift = SequenceShift::choose(
      *known && offset.size() == 8 ? std::optional{get_fixed<8>(offset.data())} : std::nullopt,
      empty, *reserved, header.last_sequence);
  if (!shift) return shift.error();
  shift_ = *shift;
  commits_ = *commits;

  Batch batch{*tables_, additions_};
  batch.rows.put(Table::meta, import_key(header.epoch), encode_number(shift_.offset));
  batch.rows.put(Table::meta, meta_reserved_until, encode_number(shift_.reserved_until));
  batch.rows.put(Table::meta, meta_epoch, encode_number(new_epoch()));
  if (empty) {
    batch.rows.put(Table::meta, meta_system, bytes_of(header.identity.system_id));
    batch.rows.put(Table::meta, meta_user, bytes_of(header.identity.local_user));
  }
  if (auto written = write(batch, /*sync=*/true); !written) return written.error();
  return shift_.offset == 0;
}

Result<std::vector<ImportOutcome>> RocksImport::put(std::span<const ImportItem> items) {
  // Not later: a broadcast of the batch under way is found here alone.
  if (broadcasts_.size() >= broadcasts_kept) broadcasts_.clear();
  Batch batch{*tables_, additions_};
  std::vector<ImportOutcome> outcomes;
  outcomes.reserve(items.size());
  for (const auto& item : items) {
    const auto* event = std::get_if<ImportedEvent>(&item.what);
    const auto outcome = event != nullptr ? put_event(batch, *event)
                                          : put_mark(batch, std::get<ExportedMark>(item.what));
    if (!outcome) return outcome.error();
    outcomes.push_back(*outcome);
  }
  if (auto written = write(batch, /*sync=*/false); !written) return written.error();
  return outcomes;
}

Result<ImportOutcome> RocksImport::put_event(Batch& batch, const ImportedEvent& imported) {
  const auto event = imported.view(imported.sequence + shift_.offset);
  const bool broadcast = event.audience == engine::Audience::everyone;
  const auto& holder = broadcast ? broadcasts_owner : event.owner;
  const auto id = id_key(holder, event.id);
  const auto known = is_there(batch, Table::ids, id);
  if (!known) return known.error();
  if (*known) return ImportOutcome::known;
  batch.keys.insert(id);
  batch.rows.put(Table::ids, id, encode_number(event.sequence));
  const auto key = sequence_key(holder, event.sequence);
  batch.rows.put(Table::events, key, encode_event(event));
  auto& counts = batch.counts[holder];
  counts.last = std::max(counts.last, event.sequence);
  if (imported.changed() && !broadcast) {
    const auto change = imported.change ? *imported.change + shift_.offset : event.sequence;
    batch.rows.put(Table::state, key, encode_state({.state = imported.state, .change = change}));
    counts.last = std::max(counts.last, change);
  }
  if (!imported.state.deleted_at) {
    ++counts.at(imported.state.status, event.severity);
    add_to(batch.kinds, holder, event.category, event.action, 1);
  }
  if (broadcast) {
    broadcasts_[event.id] = {.sequence = event.sequence,
                             .status = event.initial_status,
                             .severity = event.severity,
                             .category = std::string{event.category},
                             .action = std::string{event.action}};
  }
  return ImportOutcome::imported;
}

Result<ImportOutcome> RocksImport::put_mark(Batch& batch, const ExportedMark& mark) {
  const auto found = find_broadcast(mark.broadcast);
  if (!found) return found.error();
  if (*found == nullptr) return ImportOutcome::no_broadcast;
  const auto& broadcast = **found;
  const auto key = sequence_key(mark.user, broadcast.sequence);
  const auto known = is_there(batch, Table::state, key);
  if (!known) return known.error();
  if (*known) return ImportOutcome::known;
  batch.keys.insert(key);
  const auto change = mark.change ? *mark.change + shift_.offset : broadcast.sequence;
  batch.rows.put(Table::state, key, encode_state({.state = mark.state, .change = change}));
  auto& counts = batch.counts[mark.user];
  counts.last = std::max(counts.last, change);
  --counts.at(broadcast.status, broadcast.severity);
  if (mark.state.deleted_at) {
    add_to(batch.kinds, mark.user, broadcast.category, broadcast.action, -1);
  } else {
    ++counts.at(mark.state.status, broadcast.severity);
  }
  return ImportOutcome::imported;
}

/// Null if there is none.
Result<const RocksImport::Broadcast*> RocksImport::find_broadcast(const engine::EventId& id) {
  if (const auto known = broadcasts_.find(id); known != broadcasts_.end()) return &known->second;
  const auto found = find_event(RocksSnapshot{*tables_}, broadcasts_owner, {}, id);
  if (!found) return found.error();
  if (!*found) return nullptr;
  const auto& event = (*found)->row.event;
  return &(broadcasts_[id] = {.sequence = event.sequence,
                              .status = event.initial_status,
                              .severity = event.severity,
                              .category = std::string{event.category},
                              .action = std::string{event.action}});
}

Result<bool> RocksImport::is_there(const Batch& batch, Table table, const std::string& key) const {
  if (batch.keys.contains(key)) return true;
  rocksdb::PinnableSlice ignored;
  const auto status = tables_->db().Get({}, tables_->handle(table), key, &ignored);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return to_error(status, "importing", directory_.path());
}

Result<void> RocksImport::write(Batch& batch, bool sync) {
  std::string encoded;
  for (const auto& [user, counters] : batch.counts) {
    encoded.clear();
    append_counters(encoded, counters);
    batch.rows.add(Table::counts, bytes_of(user), encoded);
  }
  for (const auto& [key, count] : batch.kinds) {
    Counters counters;
    counters.lanes[kind_lane] = count;
    encoded.clear();
    append_counters(encoded, counters);
    batch.rows.add(Table::kinds, key, encoded);
  }
  batch.rows.merge_additions();  // many events of few users: nothing is gained by waiting
  batch.rows.put(Table::meta, meta_commits, encode_number(++commits_));
  rocksdb::WriteBatch* writes = nullptr;
  auto done = batch.rows.take(writes);
  rocksdb::WriteOptions options;
  options.sync = sync;
  if (done.ok()) done = tables_->db().Write(options, writes);
  if (!done.ok()) return to_error(done, "importing", directory_.path());
  return {};
}

Result<void> RocksImport::finish() {
  Batch nothing{*tables_, additions_};
  if (auto synced = write(nothing, /*sync=*/true); !synced) return synced;
  if (const auto flushed = tables_->flush(); !flushed.ok())
    return to_error(flushed, "finishing the import", directory_.path());
  return {};
}

}  // namespace carillon::persistence
