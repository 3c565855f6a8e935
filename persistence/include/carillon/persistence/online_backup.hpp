#pragma once

#include "carillon/engine/log.hpp"
#include "carillon/engine/result.hpp"
#include "carillon/persistence/store.hpp"
#include "carillon/persistence/store_readers.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

namespace carillon::persistence {

/// Makes backups of a store while it is served, one at a time.
///
/// Role      One per store, beside InboxReader.
/// Threads   begin(): any thread. `done` runs on a reader thread; if the backup is
///           refused, on the calling thread before the call returns.
/// Order     A backup holds every commit that returned before begin() was called.
/// Bound     One backup under way; it takes one of the reader threads.
/// Progress  begin() never waits for the disk. Commits and other reads go on.
/// Lifetime  Store and readers outlive it and every backup under way: stop the
///           readers first, which waits for the end of the backup.
/// Invariant `done` runs exactly once.
class OnlineBackup {
 public:
  /// Who is told how many bytes the backup has. Files that the backup shares with the
  /// store, because both lie on one file system, are counted too.
  using Done = std::function<void(engine::Result<std::uint64_t> bytes)>;

  OnlineBackup(const Store& store, StoreReaders& readers, engine::LogSink log = {})
      : store_{store}, readers_{readers}, log_{std::move(log)} {}

  /// Makes a backup in this directory, which is absent or empty. Fails like
  /// Store::backup, and with locked if one is under way.
  void begin(std::string directory, Done done);

 private:
  [[nodiscard]] engine::Result<std::uint64_t> make(const std::string& directory) const;

  const Store& store_;
  StoreReaders& readers_;
  const engine::LogSink log_;

  std::mutex mutex_;
  std::string under_way_;  // its directory; empty: none. Under the mutex
};

}  // namespace carillon::persistence
