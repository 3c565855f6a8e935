#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/engine/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// Stores as text, one JSON object a line, from any kind of store into any other:
/// export-format.md has the lines. One thread; memory does not grow with the store.
/// A RocksDB store, named by its directory or `rocksdb:PATH`, must have no server.
/// `postgresql://…` may be exported while it is served, not imported into.

/// What an export or an import has done.
struct TransferCounts {
  std::uint64_t events = 0;  ///< users' own, deleted ones included
  std::uint64_t broadcasts = 0;
  std::uint64_t marks = 0;  ///< what users made of broadcasts
  friend bool operator==(const TransferCounts&, const TransferCounts&) = default;
};

struct ExportOptions {
  std::string store;                          ///< directory or URL
  std::optional<engine::UserId> only_user{};  ///< its events and marks, and all broadcasts
};

/// Takes a line without its end; false if it can't be written, which ends the export.
using WriteLine = std::function<bool(std::string_view line)>;

/// Fails like verify_store, with io if a line was not taken, and with corrupt, which
/// names the row, at the first row that can't be read: then the export has no last line.
[[nodiscard]] engine::Result<TransferCounts> export_store(const ExportOptions& options,
                                                          const WriteLine& write);

struct ImportOptions {
  std::string store;        ///< directory or URL; made if absent
  bool keep_going = false;  ///< a bad line is left out, and the next one read
};

struct ImportReport {
  TransferCounts imported{};
  TransferCounts known{};  ///< already there, under the same ids: left as they were
  std::uint64_t lines = 0;
  std::uint64_t bad_lines = 0;
  bool sequences_kept = false;  ///< the store held no events, so they are those of the file
  /// The file's last line was there, and as many of each kind before it as it says.
  bool complete = false;
};

/// The next line without its end; nullopt behind the last. Valid until the next call.
using NextLine = std::function<std::optional<std::string_view>()>;
/// Told of each bad line, whose number counts from 1, and what is wrong with it.
using OnBadLine = std::function<void(std::uint64_t line, const std::string& what)>;

/// Puts what a file holds into a store, which gets a new epoch: cursors of before are not
/// valid in it.
///
/// A store without events is given the sequences of the file, and the identity of the
/// store that was exported. Otherwise what is imported comes behind what is there, in the
/// order of the file. An id that its owner has already is left as it is, so an import may
/// be repeated: after an interruption, or with a later export of the same store.
///
/// Fails with invalid_argument at the first bad line (unless `keep_going`) or if the file
/// is no export, and like open_store. RocksDB keeps what was imported up to a failure;
/// PostgreSQL nothing.
[[nodiscard]] engine::Result<ImportReport> import_store(const ImportOptions& options,
                                                        const NextLine& next,
                                                        const OnBadLine& on_bad_line);

}  // namespace carillon::persistence
