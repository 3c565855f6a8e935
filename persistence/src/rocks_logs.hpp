#pragma once

#include <rocksdb/file_system.h>
#include <rocksdb/status.h>

#include <cstdint>
#include <string>
#include <vector>

namespace carillon::persistence {

/// One of RocksDB's write-ahead logs.
struct LogFile {
  std::uint64_t number;  ///< the greater the newer
  std::string path;
  std::uint64_t bytes;
};

/// The logs in this directory that hold anything, the oldest first. None if it is absent.
[[nodiscard]] rocksdb::Status find_logs(rocksdb::FileSystem& files,
                                        const std::string& path,
                                        std::vector<LogFile>& logs);

/// The name of the file of the log with this number.
[[nodiscard]] std::string log_name(std::uint64_t number);

/// Makes the log end there, durably.
[[nodiscard]] rocksdb::Status cut_log(rocksdb::FileSystem& files,
                                      const std::string& log,
                                      std::uint64_t bytes);

/// Makes these logs of the directory durable as they are, before they are replayed.
///
/// What the last process wrote may still be in the system's memory alone if it was killed
/// between write and sync. Replayed, it would be shown, and told to a publisher who asks
/// about its id; a crash of the machine could then take it away, or leave it in those
/// tables alone that were written out meanwhile. Needs no room on the disk.
[[nodiscard]] rocksdb::Status sync_logs(rocksdb::FileSystem& files,
                                        const std::string& path,
                                        const std::vector<LogFile>& logs);

/// The same after a sync that failed: Linux may then count bytes as written that are not,
/// so that a second sync says nothing. Writes the bytes of the newest log that holds
/// anything once more, each over itself, before it syncs; so it needs no room either.
[[nodiscard]] rocksdb::Status rewrite_newest_log(rocksdb::FileSystem& files,
                                                 const std::string& path);

}  // namespace carillon::persistence
