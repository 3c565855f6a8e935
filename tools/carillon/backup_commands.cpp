#include "carillon/persistence/store_backup.hpp"
#include "tools/carillon/commands.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

namespace carillon::client {
namespace {

/// Where carillond keeps the store that it makes without the key `store`.
std::string store_in(const std::string& data_dir) {
  return (std::filesystem::path{data_dir} / "store").string();
}

int finish(const engine::Result<void>& done, const std::string& success) {
  if (!done) {
    fmt::print(stderr, "carillon: {}\n", done.error().text());
    return exit_refused;
  }
  fmt::print("{}\n", success);
  return exit_success;
}

}  // namespace

int backup(const BackupOptions& options) {
  const auto store = store_in(options.data_dir);
  return finish(persistence::back_up_directory(store, options.backup),
                fmt::format("{} is a backup of {}", options.backup, store));
}

int restore(const BackupOptions& options) {
  const auto store = store_in(options.data_dir);
  std::error_code failed;
  std::filesystem::create_directories(options.data_dir, failed);
  if (failed) {
    fmt::print(stderr, "carillon: Can't make the directory {}: {}\n", options.data_dir,
               failed.message());
    return exit_refused;
  }
  return finish(persistence::restore_backup(options.backup, store),
                fmt::format("{} was restored from {}, under a new epoch", store, options.backup));
}

}  // namespace carillon::client
