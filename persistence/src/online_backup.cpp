#include "carillon/persistence/online_backup.hpp"

#include <array>
#include <exception>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::LogField;
using engine::LogLevel;
using engine::Result;
namespace fs = std::filesystem;

Result<std::uint64_t> bytes_in(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  fs::directory_iterator file{directory, failed};
  for (const fs::directory_iterator end; !failed && file != end; file.increment(failed))
    bytes += file->file_size(failed);
  if (failed)
    return Error{Errc::io, "Can't read the backup " + directory + ": " + failed.message()};
  return bytes;
}

void report(const engine::LogSink& log,
            const std::string& directory,
            const Result<std::uint64_t>& made) {
  if (!log) return;
  const auto value = made ? std::to_string(*made) : made.error().text();
  const std::array fields{LogField{.key = "directory", .value = directory},
                          LogField{.key = made ? "bytes" : "reason", .value = value}};
  if (made) {
    log(LogLevel::info, "a backup was made", fields);
  } else {
    log(LogLevel::warning, "a backup was not made", fields);
  }
}

}  // namespace

void OnlineBackup::begin(std::string directory, Done done) {
  std::string other;
  {
    const std::lock_guard lock{mutex_};
    other = under_way_;
    if (other.empty()) under_way_ = directory;
  }
  if (!other.empty())
    return done(
        Error{Errc::locked,
              "A backup to " + other + " is under way; one is made at a time: try again after it"});
  // Kept here as well, because a refused task is dropped with what it holds.
  const auto shared_done = std::make_shared<Done>(std::move(done));
  const bool accepted = readers_.try_post([this, directory = std::move(directory), shared_done] {
    auto made = make(directory);
    report(log_, directory, made);
    {
      const std::lock_guard lock{mutex_};
      under_way_.clear();  // before its end is told: who hears of it may begin the next
    }
    (*shared_done)(std::move(made));
  });
  if (accepted) return;
  {
    const std::lock_guard lock{mutex_};
    under_way_.clear();
  }
  (*shared_done)(Error{Errc::unavailable, "Too many reads of the store are waiting; try again"});
}

Result<std::uint64_t> OnlineBackup::make(const std::string& directory) const {
  try {
    if (auto made = store_.backup(directory); !made) return made.error();
    return bytes_in(directory);
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, std::string{"While making a backup: "} + thrown.what()};
  }
}

}  // namespace carillon::persistence
