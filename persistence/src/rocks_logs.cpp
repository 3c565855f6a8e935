#include "persistence/src/rocks_logs.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

namespace carillon::persistence {
namespace {

using rocksdb::FileSystem;
using rocksdb::Status;

constexpr std::string_view log_extension = ".log";
constexpr std::size_t log_digits_min = 6;
constexpr std::size_t piece_bytes = std::size_t{1} << 20U;

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

Status find_logs(FileSystem& files, const std::string& path, std::vector<LogFile>& logs) {
  std::vector<std::string> names;
  if (auto read = files.GetChildren(path, {}, &names, nullptr); !read.ok())
    return read.IsNotFound() || read.IsPathNotFound() ? Status::OK() : Status{read};
  for (const auto& name : names) {
    LogFile log{.number = 0, .path = path + "/" + name, .bytes = 0};
    const auto* const end = name.data() + name.size();
    const auto [behind, failed] = std::from_chars(name.data(), end, log.number);
    if (failed != std::errc{} || log_extension != std::string_view{behind, end}) continue;
    if (auto asked = files.GetFileSize(log.path, {}, &log.bytes, nullptr); !asked.ok())
      return asked;
    if (log.bytes > 0) logs.push_back(std::move(log));
  }
  std::sort(logs.begin(), logs.end(),
            [](const LogFile& a, const LogFile& b) { return a.number < b.number; });
  return {};
}

std::string log_name(std::uint64_t number) {
  auto name = std::to_string(number);
  if (name.size() < log_digits_min) name.insert(0, log_digits_min - name.size(), '0');
  return name + std::string{log_extension};
}

Status cut_log(FileSystem& files, const std::string& log, std::uint64_t bytes) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  if (auto opened = files.ReopenWritableFile(log, {}, &file, nullptr); !opened.ok()) return opened;
  Status cut = file->Truncate(bytes, {}, nullptr);
  if (cut.ok()) cut = file->Fsync({}, nullptr);
  const auto closed = file->Close({}, nullptr);
  return cut.ok() ? Status{closed} : cut;
}

Status sync_logs(FileSystem& files, const std::string& path, const std::vector<LogFile>& logs) {
  for (const auto& log : logs)
    if (auto synced = make_durable(files, log.path, /*rewrite=*/false); !synced.ok()) return synced;
  return logs.empty() ? Status::OK() : sync_directory(files, path);
}

Status rewrite_newest_log(FileSystem& files, const std::string& path) {
  std::vector<LogFile> logs;
  if (auto found = find_logs(files, path, logs); !found.ok()) return found;
  if (logs.empty()) return {};
  return make_durable(files, logs.back().path, /*rewrite=*/true);
}

}  // namespace carillon::persistence
