#include "persistence/src/store_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;
namespace fs = std::filesystem;

constexpr const char* probe_name = "carillon.probe";

Error io_error(const std::string& doing, const std::string& path, std::error_code reason) {
  return {Errc::io, "Can't " + doing + " " + path + ": " + reason.message()};
}
std::error_code last_error() noexcept {
  return {errno, std::generic_category()};
}

/// What RocksDB, this program or a file system puts into a directory before the store in
/// it has come to exist.
bool may_precede_a_store(const std::string& name) {
  return name.starts_with("LOG") || name.starts_with("MANIFEST-") || name.starts_with("OPTIONS-") ||
         name.starts_with("carillon.") || name.ends_with(".log") || name.ends_with(".dbtmp") ||
         name == "LOCK" || name == "IDENTITY" || name == "lost+found";
}

/// RocksDB makes a new database wherever the file CURRENT is absent. If others of
/// its files are there, that would bury what they hold; if files of others are, the
/// directory is not meant for a store.
Result<void> check_whole(const std::string& path) {
  std::error_code failed;
  if (fs::exists(fs::path{path} / "CURRENT", failed)) return {};
  for (fs::directory_iterator entry{path, failed}, end; !failed && entry != end;
       entry.increment(failed)) {
    const auto extension = entry->path().extension();
    const bool table = extension == ".sst";
    const bool log = extension == ".log" && entry->file_size(failed) > 0;
    if (table || log)
      return Error{Errc::corrupt,
                   "The store in " + path + " has lost its file CURRENT but still holds " +
                       entry->path().filename().string() +
                       ": restore a backup, or move the directory away to begin an empty one"};
    const auto name = entry->path().filename().string();
    if (!may_precede_a_store(name))
      return Error{Errc::invalid_argument, "The directory " + path + " holds " + name +
                                               ", which is no store's: name an empty directory"};
  }
  if (failed) return io_error("read the directory", path, failed);
  return {};
}

/// Makes the directory's own entry durable, and that of the one it lies in: both may be
/// new, and what they hold is lost with them. RocksDB syncs entries below, not above.
Result<void> sync_entries_of(const std::string& path) {
  std::error_code failed;
  auto above = fs::canonical(path, failed).parent_path();
  for (int level = 0; level < 2 && !failed && !above.empty(); ++level) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): POSIX
    const int directory = ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return {};  // not ours to read, so not made by us
    const bool synced = ::fsync(directory) == 0 || errno == EINVAL;
    const auto reason = last_error();
    ::close(directory);
    if (!synced) return io_error("sync the directory", above.string(), reason);
    above = above.parent_path();
  }
  return {};
}

}  // namespace

Result<StoreDirectory> StoreDirectory::open(const std::string& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return io_error("make the store's directory", path, failed);
  const auto lock_path = (fs::path{path} / store_lock_name).string();
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): POSIX
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) return io_error("write in the store's directory; opening", lock_path, last_error());
  StoreDirectory directory{path, lock};
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return io_error("lock", lock_path, last_error());
    return Error{Errc::locked, "The store in " + path +
                                   " is open already, in this process or another; a store has "
                                   "one process"};
  }
  if (auto whole = check_whole(path); !whole) return whole.error();
  if (auto synced = sync_entries_of(path); !synced) return synced.error();
  return directory;
}

StoreDirectory::~StoreDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

Result<void> StoreDirectory::probe(std::uint64_t bytes) const {
  const auto probe_path = (fs::path{path_} / probe_name).string();
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): POSIX
  const int file = ::open(probe_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return io_error("write", probe_path, last_error());
  Result<void> result;
  static constexpr std::array<char, 65'536> zeros{};
  while (bytes > 0 && result) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, zeros.size()));
    const auto written = ::write(file, zeros.data(), wanted);
    if (written > 0) {
      bytes -= static_cast<std::uint64_t>(written);
    } else if (errno != EINTR) {
      result = io_error("write", probe_path, last_error());
    }
  }
  if (result && ::fdatasync(file) != 0) result = io_error("sync", probe_path, last_error());
  ::close(file);
  ::unlink(probe_path.c_str());
  return result;
}

}  // namespace carillon::persistence
