// Backups of a RocksStore: a checkpoint while it runs, a copy with a new epoch back.
#include "carillon/persistence/store_backup.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/new_identity.hpp"
#include "persistence/src/rocks_store.hpp"

#include <fcntl.h>
#include <rocksdb/utilities/checkpoint.h>
#include <unistd.h>

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
  const auto tables = RocksTables::open(path, {});
  if (!tables) return tables.error();
  const auto schema = read_number(RocksSnapshot{**tables}, meta_schema);
  if (!schema) return schema.error();
  if (*schema != schema_version)
    return Error{*schema == 0 ? Errc::corrupt : Errc::unsupported_version,
                 "The backup has schema version " + std::to_string(*schema) +
                     "; this program reads and writes version " + std::to_string(schema_version)};
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

Result<void> check_target(const fs::path& directory) {
  std::error_code failed;
  if (!fs::exists(directory, failed)) return {};
  if (fs::is_directory(directory, failed) && fs::is_empty(directory, failed)) return {};
  if (failed) return io_error("read the directory", directory, failed);
  return Error{Errc::invalid_argument,
               directory.string() + " is not empty: restore into a new directory"};
}

/// Beside the target, on the same file system: renaming it is what makes the restored
/// store appear, whole and under its new epoch.
fs::path place_beside(const fs::path& directory) {
  auto place = fs::absolute(directory).lexically_normal();
  if (!place.has_filename()) place = place.parent_path();
  place += ".restoring";
  return place;
}

Result<void> restore(const fs::path& backup, const fs::path& directory) {
  if (auto sound = check_source(backup); !sound) return sound;
  if (auto free = check_target(directory); !free) return free;
  const auto place = place_beside(directory);
  std::error_code failed;
  fs::remove_all(place, failed);  // what an interrupted attempt left
  auto done = copy_files(backup, place);
  if (done) done = give_new_epoch(place.string());
  if (done) {
    fs::rename(place, directory, failed);
    if (!failed) return sync_path(place.parent_path());
    done = io_error("rename the restored store to", directory, failed);
  }
  fs::remove_all(place, failed);
  return done;
}

}  // namespace

// A checkpoint links the sorted files, which never change, and copies the log since the
// latest of them; on another file system it copies all. It appears by a rename.
Result<void> RocksStore::backup(const std::string& path) const {
  std::error_code failed;
  if (fs::exists(path, failed))
    return Error{Errc::invalid_argument, path + " exists: a backup makes its own directory"};
  const ReadGate::Pass pass{gate_};
  if (!tables_)
    return Error{Errc::unavailable, "The store in " + directory_.path() +
                                        " could not be opened again after a failed write"};
  rocksdb::Checkpoint* made = nullptr;
  auto done = rocksdb::Checkpoint::Create(&tables_->db(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint{made};
  if (done.ok()) done = checkpoint->CreateCheckpoint(path);
  if (!done.ok()) return to_error(done, "making a backup", path);
  return {};
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
