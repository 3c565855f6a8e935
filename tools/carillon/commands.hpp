#pragma once

#include "tools/carillon/http_client.hpp"
#include "tools/carillon/output.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace carillon::client {

/// What every subcommand needs. Each returns an exit code (output.hpp).
struct Common {
  Endpoint endpoint;
  Output output = Output::table;
};

/// Which events: the server's filters, one language for `list` and `tail`.
struct FilterOptions {
  std::vector<std::string> categories;
  std::vector<std::string> actions;
  std::vector<std::string> severities;
  std::vector<std::string> acted_upon;
  std::string status;
  std::string search;
  std::string from;
  std::string to;
};
/// `category=a&category=b&…`, percent-encoded; empty without a filter.
[[nodiscard]] std::string to_query(const FilterOptions& filter);

struct PublishOptions {
  std::string file;  ///< a whole JSON event; "-": standard input
  std::string category;
  std::string action;
  std::string severity = "informational";
  std::string description;
  std::string metadata;  ///< a JSON object
  std::string acted_upon;
  std::string owner;
  std::string id;
  bool async = false;
};
[[nodiscard]] int publish(const Common& common, const PublishOptions& options);

struct TailOptions {
  FilterOptions filter;
  std::uint64_t count = 0;  ///< end after so many events; 0: never
};
[[nodiscard]] int tail(const Common& common, const TailOptions& options);

struct ListOptions {
  FilterOptions filter;
  std::uint64_t page = 0;
  std::string page_size = "25";  ///< a number or "all"
  std::string sort = "updated_at";
  std::string order = "desc";
};
[[nodiscard]] int list(const Common& common, const ListOptions& options);

struct MarkOptions {
  std::vector<std::string> ids;
  std::string status;
};
[[nodiscard]] int mark(const Common& common, const MarkOptions& options);

struct DeleteOptions {
  std::vector<std::string> ids;
};
[[nodiscard]] int remove(const Common& common, const DeleteOptions& options);

/// Of a server that does not run, if its data directory is given; else the server is
/// asked, and makes the backup itself, on its own machine. Restoring is always the former.
struct BackupOptions {
  std::string backup;    ///< directory of the backup
  std::string data_dir;  ///< the server's; empty: ask the server
};
[[nodiscard]] int backup(const Common& common, const BackupOptions& options);
[[nodiscard]] int restore(const BackupOptions& options);

/// Of a store that no server has open, or of a PostgreSQL database.
struct VerifyOptions {
  std::string store;  ///< directory or URL
};
/// 0: sound, 1: faults were found, 2: the store can't be opened.
[[nodiscard]] int verify_store(const VerifyOptions& options);

/// Between a store that no server has open and lines of text.
struct TransferOptions {
  std::string store;        ///< directory or URL
  std::string file;         ///< to import; "-": standard input
  std::string user;         ///< to export only this one's
  bool keep_going = false;  ///< behind bad lines
};
[[nodiscard]] int export_store(const TransferOptions& options);
[[nodiscard]] int import_store(const TransferOptions& options);

}  // namespace carillon::client
