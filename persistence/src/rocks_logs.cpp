#include "persistence/src/rocks_logs.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace carillon::persistence {
namespace {

using rocksdb::FileSystem;
using rocksdb::Status;

constexpr std::string_view log_extension = ".log";
constexpr std::size_t piece_bytes = std::size_t{1} << 20U;

/// The paths of the logs that hold anything, the oldest first: their names are numbers of six
/// digits or more.
Status find_logs(FileSystem& files, const std::string& path, std::vector<std::string>& logs) {
  std::vector<std::string> names;
  if (auto read = files.GetChildren(path, {}, &names, nullptr); !read.ok())
    return read.IsNotFound() || read.IsPathNotFound() ? Status::OK() : Status{read};
  for (const auto& name : names) {
    if (!std::string_view{name}.ends_with(log_extension)) continue;
    std::uint64_t size = 0;
    if (auto asked = files.GetFileSize(path + "/" + name, {}, &size, nullptr); !asked.ok())
      return asked;
    if (size > 0) logs.push_back(path + "/" + name);
  }
  std::sort(logs.begin(), logs.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return {};
}

Status sync_directory(FileSystem& files, const std::string& path) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  if (auto opened = files.NewDirectory(path, {}, &directory, nullptr); !opened.ok()) return opened;
  return directory->FsyncWithDirOptions({}, nullptr, {});
}

/// Opens the log and syncs it, with its bytes written once more if they shall be.
Status make_durable(FileSystem& files, const std::string& log, bool rewrite) {
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
  if (auto opened = files.NewRandomRWFile(log, {}, &file, nullptr); !opened.ok()) return opened;
  std::string buffer(rewrite ? piece_bytes : 0, '\0');
  for (std::uint64_t at = 0; rewrite;) {
    rocksdb::Slice piece;
    const auto read = file->Read(at, buffer.size(), {}, &piece, buffer.data(), nullptr);
    if (!read.ok()) return read;
    if (piece.empty()) break;
    if (auto written = file->Write(at, piece, {}, nullptr); !written.ok()) return written;
    at += piece.size();
  }
  const auto synced = file->Sync({}, nullptr);
  const auto closed = file->Close({}, nullptr);
  return synced.ok() ? closed : synced;
}

}  // namespace

Status sync_logs(FileSystem& files, const std::string& path) {
  std::vector<std::string> logs;
  if (auto found = find_logs(files, path, logs); !found.ok()) return found;
  for (const auto& log : logs)
    if (auto synced = make_durable(files, log, /*rewrite=*/false); !synced.ok()) return synced;
  return logs.empty() ? Status::OK() : sync_directory(files, path);
}

Status rewrite_newest_log(FileSystem& files, const std::string& path) {
  std::vector<std::string> logs;
  if (auto found = find_logs(files, path, logs); !found.ok()) return found;
  if (logs.empty()) return {};
  return make_durable(files, logs.back(), /*rewrite=*/true);
}

}  // namespace carillon::persistence
