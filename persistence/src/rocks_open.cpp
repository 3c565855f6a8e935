// How a RocksStore begins and ends: identity, reservation, closing.
#include "persistence/src/keys.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/new_identity.hpp"
#include "persistence/src/rocks_migrations.hpp"
#include "persistence/src/rocks_store.hpp"

#include <cstring>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;
using engine::Uuid;

Result<Uuid> read_uuid(const Rows& rows, std::string_view key) {
  std::string value;
  const auto there = rows.get(Table::meta, key, value);
  if (!there) return there.error();
  Uuid uuid;
  if (!*there || value.size() != uuid.bytes.size()) return damaged("an identity", key);
  std::memcpy(uuid.bytes.data(), value.data(), value.size());
  return uuid;
}

/// Whether the database holds nothing at all: it was made a moment ago, or its
/// maker died before it could give it an identity.
bool is_empty(const RocksTables& tables) {
  for (const auto table :
       {Table::meta, Table::events, Table::state, Table::ids, Table::counts, Table::kinds}) {
    rocksdb::ReadOptions read;
    read.total_order_seek = true;
    const std::unique_ptr<rocksdb::Iterator> rows{
        tables.db().NewIterator(read, tables.handle(table))};
    rows->SeekToFirst();
    if (rows->Valid() || !rows->status().ok()) return false;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Store>> RocksStore::open(const std::string& path,
                                                const StoreOptions& options,
                                                rocksdb::Env* env) {
  auto directory = StoreDirectory::open(path);
  if (!directory) return directory.error();
  std::unique_ptr<RocksStore> store{new RocksStore{std::move(*directory), options, env}};
  auto tables = RocksTables::open(path, options, env);
  if (!tables) return tables.error();
  store->tables_ = std::move(*tables);
  if (auto started = store->start(); !started) return started.error();
  store->begin_spare_logs();  // a migration writes without syncs
  store->columns_.renew(store->latest_rows(), {});
  return std::unique_ptr<Store>{std::move(store)};
}

RocksStore::RocksStore(StoreDirectory directory, StoreOptions options, rocksdb::Env* env)
    : directory_{std::move(directory)},
      options_{std::move(options)},
      env_{env},
      columns_{columns_options(options_), nullptr},
      retention_{options_.retention},
      pending_{options_.pending_counts_bytes_max},
      damage_{options_.log, directory_.path()} {
}

RocksStore::~RocksStore() {
  // Saves the next start from replaying the log. Everything is durable already,
  // so a failure changes nothing.
  if (tables_ && !broken_) static_cast<void>(tables_->flush());
}

Result<void> RocksStore::start() {
  const auto schema = read_number(RocksSnapshot{*tables_}, meta_schema);
  if (!schema) return schema.error();
  if (*schema == 0 && is_empty(*tables_)) {
    if (auto made = make_identity(); !made) return made;
  } else if (*schema == 0) {
    return Error{Errc::corrupt, "The store in " + directory_.path() +
                                    " holds events but not its own description: restore a "
                                    "backup, or move the directory away to begin an empty one"};
  } else if (*schema != schema_version) {
    if (auto migrated = migrate(*tables_, *schema, directory_.path(), options_.log); !migrated)
      return migrated;
  }
  if (auto known = read_identity(); !known) return known;
  if (auto reserved = reserve_first(); !reserved) return reserved;
  return retention_.begin(RocksSnapshot{*tables_}, commits_, origin_.first_sequence);
}

Result<void> RocksStore::make_identity() {
  const auto identity = new_identity();
  RocksBatch rows{*tables_, additions_, /*indexed=*/false};
  rows.put(Table::meta, meta_schema, encode_number(schema_version));
  rows.put(Table::meta, meta_epoch, encode_number(new_epoch()));
  rows.put(Table::meta, meta_system, bytes_of(identity.system_id));
  rows.put(Table::meta, meta_user, bytes_of(identity.local_user));
  return write(rows, Durability::now);
}

Result<void> RocksStore::read_identity() {
  const RocksSnapshot rows{*tables_};
  const auto epoch = read_number(rows, meta_epoch);
  if (!epoch) return epoch.error();
  const auto system = read_uuid(rows, meta_system);
  if (!system) return system.error();
  const auto user = read_uuid(rows, meta_user);
  if (!user) return user.error();
  const auto commits = read_number(rows, meta_commits);
  if (!commits) return commits.error();
  if (auto loaded = pending_.load(rows); !loaded) return loaded;
  const auto counts = read_counts(*latest_rows(), broadcasts_owner);
  if (!counts) return counts.error();
  origin_.epoch = *epoch;
  origin_.last_broadcast = counts->position.broadcast;
  identity_ = {.system_id = *system, .local_user = *user};
  commits_ = *commits;
  return {};
}

Result<void> RocksStore::reserve_first() {
  const auto reserved = read_number(RocksSnapshot{*tables_}, meta_reserved_until);
  if (!reserved) return reserved.error();
  if (*reserved > engine::sequence_max - reservation_block)
    return Error{Errc::unavailable,
                 "The store in " + directory_.path() + " has used up its sequences"};
  origin_.first_sequence = *reserved + 1;
  reserved_until_ = *reserved + reservation_block;
  RocksBatch rows{*tables_, additions_, /*indexed=*/false};
  rows.put(Table::meta, meta_reserved_until, encode_number(reserved_until_));
  return write(rows, Durability::now);
}

}  // namespace carillon::persistence
