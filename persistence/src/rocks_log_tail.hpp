#pragma once

#include "persistence/src/rocks_logs.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::persistence {

/// What the first batch says that RocksDB is given for a log, if batches written just before
/// it were not synced: from which of RocksDB's sequences on. A note in the log alone.
[[nodiscard]] std::string unsynced_note(std::uint64_t first_sequence);

/// How far a log goes. One that was written into a file of zeros (SpareLogs) does not end
/// where its file does; and of its last batches, if a crash came before their sync, any
/// sector may be there or still be zeros.
struct LogTail {
  std::uint64_t end = 0;  ///< behind the last batch of those that are whole from the beginning
  bool is_blank = false;  ///< behind `end` are zeros, or nothing
  bool is_torn = false;   ///< there is a batch that lacks a sector, as a crash leaves it
  /// RocksDB's sequence of the batch that would come at `end`; none if no batch comes before.
  std::optional<std::uint64_t> next_sequence;
  /// Up to which sequence the log was durable when the batches behind `end` were written.
  std::optional<std::uint64_t> durable_behind;
  std::optional<std::uint64_t> durable;  ///< the same of all batches
  bool vouched_behind = false;           ///< one behind `end` came after a sync of all before it,
  bool vouched = false;                  ///< any did
};

/// Reads all of this log.
[[nodiscard]] LogTail find_tail(std::string_view log);

/// Finds out where each of these logs, the oldest first, shall end: where its file does, or
/// behind its last whole batch if what is left there is a crash's: zeros, and batches that were
/// never synced. A log stays as long as it is, for RocksDB to refuse, if what is wrong in it
/// was durable before: some later batch, there or in a newer log, was written after its sync,
/// or no sector is missing. `logs` then have these lengths.
[[nodiscard]] rocksdb::Status find_ends(rocksdb::FileSystem& files, std::vector<LogFile>& logs);

/// Makes the logs end there, so that RocksDB finds plain files. Those that hold nothing then
/// leave `logs`.
[[nodiscard]] rocksdb::Status trim_logs(rocksdb::FileSystem& files, std::vector<LogFile>& logs);

/// A file system in which these logs end where `bytes` says, for who must not write.
[[nodiscard]] std::shared_ptr<rocksdb::FileSystem> trimmed_view(
    const std::shared_ptr<rocksdb::FileSystem>& files, const std::vector<LogFile>& logs);

}  // namespace carillon::persistence
