#include "persistence/src/offline_store.hpp"

#include "persistence/src/meta_rows.hpp"
#include "persistence/src/rocks_rows.hpp"
#include "persistence/src/store_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;
namespace fs = std::filesystem;

constexpr const char* names_the_database = "CURRENT";

Result<std::string> find_store(const std::string& directory) {
  std::error_code failed;
  const fs::path given{directory};
  for (const auto& path : {given, given / "store"})
    if (fs::exists(path / names_the_database, failed)) return path.string();
  for (const auto& path : {given, given / "store"}) {
    for (fs::directory_iterator file{path, failed}, end; !failed && file != end;
         file.increment(failed))
      if (file->path().extension() == ".sst")
        return Error{Errc::corrupt, "The store in " + path.string() +
                                        " has lost its file CURRENT but still holds " +
                                        file->path().filename().string() +
                                        ": restore a backup; nothing was repaired"};
  }
  return Error{Errc::not_found, "There is no store in " + directory};
}

/// A backup has no lock to take: nobody writes there.
Result<int> lock(const std::string& path) {
  const auto file = (fs::path{path} / store_lock_name).string();
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): POSIX
  const int lock = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) {
    if (errno == ENOENT) return -1;
    return Error{Errc::io, "Can't open " + file + ": " + std::generic_category().message(errno)};
  }
  if (::flock(lock, LOCK_SH | LOCK_NB) == 0) return lock;
  ::close(lock);
  return Error{Errc::locked, "The store in " + path +
                                 " is open in another process: stop its server, or have it make a "
                                 "backup (carillon backup) and name that"};
}

}  // namespace

Result<OfflineStore> OfflineStore::open(const std::string& directory) {
  auto path = find_store(directory);
  if (!path) return path.error();
  const auto locked = lock(*path);
  if (!locked) return locked.error();
  OfflineStore store{*std::move(path), *locked};
  auto tables = RocksTables::open_read_only(store.path_);
  if (!tables) return tables.error();
  store.tables_ = std::move(*tables);
  return store;
}

OfflineStore::~OfflineStore() {
  tables_.reset();
  if (lock_ >= 0) ::close(lock_);
}

Result<void> OfflineStore::check_schema() const {
  const auto schema = read_number(RocksSnapshot{*tables_}, meta_schema);
  if (!schema) return schema.error();
  if (*schema == schema_version) return {};
  if (*schema == 0)
    return Error{Errc::corrupt,
                 "The store in " + path_ + " does not hold its own description: restore a backup"};
  return Error{Errc::unsupported_version,
               "The store in " + path_ + " has schema version " + std::to_string(*schema) +
                   "; this program reads version " + std::to_string(schema_version) +
                   (*schema < schema_version ? ", to which carillond migrates it at its next start"
                                             : ": use the program that wrote it")};
}

}  // namespace carillon::persistence
