// Backups of a RocksStore: a checkpoint while it runs, a copy with a new epoch back.
#include "carillon/persistence/store_backup.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/new_identity.hpp"
#include "persistence/src/rocks_store.hpp"

#include <fcntl.h>
#include <rocksdb/utilities/checkpoint.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <system_error>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;
namespace fs = std::filesystem;

Error io_error(const std::string& doing, const fs::path& path, std::error_code reason) {
  return {Errc::io, "Can't " + doing + " " + path.string() + ": " + reason.message()};
}

Result<void> sync_path(const fs::path& path) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): POSIX
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return io_error("open", path, {errno, std::generic_category()});
  const int failed = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  if (failed != 0) return io_error("sync", path, {failed, std::generic_category()});
  return {};
}

Result<void> copy_files(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::create_directories(to, failed);
  if (failed) return io_error("make the directory", to, failed);
  fs::directory_iterator file{from, failed};
  for (const fs::directory_iterator end; !failed && file != end; file.increment(failed)) {
    const auto copy = to / file->path().filename();
    std::error_code refused;
    fs::copy_file(file->path(), copy, refused);
    if (refused) return io_error("copy to", copy, refused);
    if (auto synced = sync_path(copy); !synced) return synced;
  }
  if (failed) return io_error("read the backup", from, failed);
  return sync_path(to);
}

Result<void> give_new_epoch(const std::string& path) {
  const auto tables = RocksTables::open(path, {}, nullptr, RocksTables::Logs::as_found);
  if (!tables) return tables.error();
  const auto schema = read_number(RocksSnapshot{**tables}, meta_schema);
  if (!schema) return schema.error();
  if (*schema == 0 || *schema > schema_version)  // an older one is migrated when it is opened
    return Error{*schema == 0 ? Errc::corrupt : Errc::unsupported_version,
                 "The backup has schema version " + std::to_string(*schema) +
                     "; this program reads versions up to " + std::to_string(schema_version)};
  rocksdb::WriteOptions durable;
  durable.sync = true;
  auto& db = (*tables)->db();
  auto done =
      db.Put(durable, (*tables)->handle(Table::meta), meta_epoch, encode_number(new_epoch()));
  if (done.ok()) done = (*tables)->flush();
  if (!done.ok()) return to_error(done, "giving the restored store an epoch", path);
  return {};
}

Result<void> check_source(const fs::path& backup) {
  std::error_code failed;
  if (!fs::exists(backup / "CURRENT", failed))
    return Error{Errc::not_found, "There is no backup in " + backup.string()};
  if (fs::exists(backup / store_lock_name, failed))
    return Error{Errc::invalid_argument, backup.string() +
                                             " is the directory of a store, which may change while "
                                             "it is read: make a backup of it first"};
  return {};
}

Result<void> check_free(const fs::path& directory, const std::string& advice) {
  std::error_code failed;
  if (!fs::exists(directory, failed)) {
    if (failed) return io_error("read the directory", directory, failed);
    return {};
  }
  if (!fs::is_directory(directory, failed))
    return Error{Errc::invalid_argument, directory.string() + " is no directory: " + advice};
  const bool empty = fs::is_empty(directory, failed);
  if (failed) return io_error("read the directory", directory, failed);
  if (empty) return {};
  return Error{Errc::invalid_argument, directory.string() + " is not empty: " + advice};
}

bool lies_in(const fs::path& path, const fs::path& directory) {
  std::error_code failed;
  const auto inner = fs::weakly_canonical(fs::absolute(path), failed);
  const auto outer = fs::weakly_canonical(fs::absolute(directory), failed);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// Beside the target, on the same file system: a rename is what makes it appear, whole.
fs::path place_beside(const fs::path& directory, const char* suffix) {
  auto place = fs::absolute(directory).lexically_normal();
  if (!place.has_filename()) place = place.parent_path();
  place += suffix;
  return place;
}

/// Everybody's events are in it, so it is for its owner alone, as the data directory is.
Result<void> move_into_place(const fs::path& place, const fs::path& target, const char* what) {
  std::error_code failed;
  fs::permissions(place, fs::perms::owner_all, failed);
  if (!failed) fs::rename(place, target, failed);
  if (!failed) return sync_path(place.parent_path());
  auto refused = io_error(std::string{"rename the finished "} + what + " to", target, failed);
  fs::remove_all(place, failed);
  return refused;
}

Result<void> restore(const fs::path& backup, const fs::path& directory) {
  if (auto sound = check_source(backup); !sound) return sound;
  if (auto free = check_free(directory, "restore into a new directory"); !free) return free;
  const auto place = place_beside(directory, ".restoring");
  std::error_code failed;
  fs::remove_all(place, failed);  // what an interrupted attempt left
  auto done = copy_files(backup, place);
  if (done) done = give_new_epoch(place.string());
  if (done) return move_into_place(place, directory, "store");
  fs::remove_all(place, failed);
  return done;
}

}  // namespace

// A checkpoint links the sorted files, which never change, and copies the log since the
// latest of them; on another file system it copies all.
Result<void> RocksStore::backup(const std::string& path) const {
  if (auto free = check_free(path, "make the backup in a new directory"); !free) return free;
  if (lies_in(path, directory_.path()))
    return Error{Errc::invalid_argument,
                 path + " lies in the directory of the store itself: name one outside"};
  const ReadGate::Pass pass{gate_};
  if (!tables_)
    return Error{Errc::unavailable, "The store in " + directory_.path() +
                                        " could not be opened again after a failed write"};
  rocksdb::Checkpoint* made = nullptr;
  auto done = rocksdb::Checkpoint::Create(&tables_->db(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint{made};
  const auto place = place_beside(path, ".backing-up");
  std::error_code failed;
  fs::remove_all(place, failed);  // what an interrupted attempt left
  if (done.ok()) done = checkpoint->CreateCheckpoint(place.string());
  if (!done.ok()) {
    fs::remove_all(place, failed);
    return to_error(done, "making a backup", path);
  }
  return move_into_place(place, path, "backup");
}

Result<void> back_up_directory(const std::string& directory, const std::string& backup) {
  std::error_code failed;
  if (!fs::exists(fs::path{directory} / "CURRENT", failed))
    return Error{Errc::not_found, "There is no store in " + directory};
  const auto store = open_store({.url = "rocksdb:" + directory});
  if (!store) return store.error();
  return (*store)->backup(backup);
}

Result<void> restore_backup(const std::string& backup, const std::string& directory) {
  try {
    return restore(backup, directory);
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, std::string{"While restoring: "} + thrown.what()};
  }
}

}  // namespace carillon::persistence
