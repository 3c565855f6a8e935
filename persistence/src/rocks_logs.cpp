#include "persistence/src/rocks_logs.hpp"

#include <rocksdb/env.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace carillon::persistence {
namespace {

using rocksdb::FileSystem;
using rocksdb::IOStatus;
using rocksdb::Status;

constexpr std::string_view log_extension = ".log";
constexpr const char* rewritten_name = "/carillon.rewritten";

/// The logs that hold anything, the oldest first: their names are numbers of six digits
/// or more.
Status find_logs(FileSystem& files, const std::string& path, std::vector<std::string>& logs) {
  std::vector<std::string> names;
  if (auto read = files.GetChildren(path, {}, &names, nullptr); !read.ok())
    return read.IsNotFound() || read.IsPathNotFound() ? Status::OK() : Status{read};
  for (const auto& name : names) {
    if (!std::string_view{name}.ends_with(log_extension)) continue;
    std::uint64_t size = 0;
    if (auto asked = files.GetFileSize(path + "/" + name, {}, &size, nullptr); !asked.ok())
      return asked;
    if (size > 0) logs.push_back(name);
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

Status sync_and_close(rocksdb::FSWritableFile& file) {
  const IOStatus synced = file.Sync({}, nullptr);
  const IOStatus closed = file.Close({}, nullptr);
  return synced.ok() ? closed : synced;
}

}  // namespace

Status sync_logs(FileSystem& files, const std::string& path) {
  std::vector<std::string> logs;
  if (auto found = find_logs(files, path, logs); !found.ok()) return found;
  for (const auto& log : logs) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    if (auto opened = files.ReopenWritableFile(path + "/" + log, {}, &file, nullptr); !opened.ok())
      return opened;
    if (auto synced = sync_and_close(*file); !synced.ok()) return synced;
  }
  return logs.empty() ? Status::OK() : sync_directory(files, path);
}

Status rewrite_newest_log(FileSystem& files, const std::string& path) {
  std::vector<std::string> logs;
  if (auto found = find_logs(files, path, logs); !found.ok()) return found;
  if (logs.empty()) return {};
  const auto log = path + "/" + logs.back();
  std::string bytes;
  if (auto read = rocksdb::ReadFileToString(&files, log, &bytes); !read.ok()) return read;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  const auto rewritten = path + rewritten_name;
  if (auto opened = files.NewWritableFile(rewritten, {}, &file, nullptr); !opened.ok())
    return opened;
  if (auto written = file->Append(bytes, {}, nullptr); !written.ok()) return written;
  if (auto synced = sync_and_close(*file); !synced.ok()) return synced;
  if (auto renamed = files.RenameFile(rewritten, log, {}, nullptr); !renamed.ok()) return renamed;
  return sync_directory(files, path);
}

}  // namespace carillon::persistence
