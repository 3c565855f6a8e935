#include "carillon/engine/event_parser.hpp"
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

/// A large store on another disk takes minutes to copy, so no time limit.
int ask_server(const Common& common, const std::string& directory) {
  std::string body = R"({"directory":)";
  engine::append_json_string(body, directory);
  body += '}';
  HttpClient http{common.endpoint};
  const auto response =
      http.send({.method = "POST", .path = "/api/admin/backup", .body = body, .patient = true});
  if (!response.succeeded()) return report_failure(response);
  if (common.output == Output::json) {
    fmt::print("{}\n", response.body);
  } else {
    fmt::print("{} is a backup of the store of {}\n", directory, common.endpoint.url);
  }
  return exit_success;
}

}  // namespace

int backup(const Common& common, const BackupOptions& options) {
  if (options.data_dir.empty()) return ask_server(common, options.backup);
  const auto store = store_in(options.data_dir);
  const auto done = persistence::back_up_directory(store, options.backup);
  if (!done && done.error().code == engine::make_error_code(engine::Errc::locked)) {
    fmt::print(stderr,
               "carillon: {}. If that is its server, have it make the backup: leave out --data-dir "
               "and CARILLON_DATA_DIR, and name the server by --url\n",
               done.error().text());
    return exit_refused;
  }
  return finish(done, fmt::format("{} is a backup of {}", options.backup, store));
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
