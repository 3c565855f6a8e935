#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace carillon::persistence {

/// The file in a store's directory that becomes its next log. RocksDB takes no notice of it.
inline constexpr const char* spare_log_name = "carillon.spare";

/// Whether a sync of bytes written over others costs the file system of this directory less
/// than one of bytes appended: ext4 and XFS need not commit their journal then. One that
/// writes every block to a new place gains nothing.
[[nodiscard]] bool overwriting_pays_in(const std::string& path);

/// A file system in which the logs of one store are written into files whose blocks were
/// written before, with zeros.
///
/// Role      The FileSystem of a RocksTables that writes; all but these logs is passed on.
/// Threads   As FileSystem: any.
/// Bound     One spare file. While none is ready a log is a plain file: nobody waits for one.
/// Progress  Zeros are written by RocksDB's thread that writes out rows (Env::HIGH), once for
///           each log begun. A spare that can't be made is tried again with the next log.
/// Lifetime  Outlives the database. Waits, at its end, for a spare being made.
/// Invariant Behind the content of such a log are zeros or nothing; closed, it ends there, if
///           its file could be cut. GetFileSize() tells the content of one that is written.
class SpareLogs final : public rocksdb::FileSystemWrapper {
 public:
  /// `env`: whose threads make the spare; outlives this. A spare that a crash has left in
  /// the directory is removed.
  SpareLogs(const std::shared_ptr<rocksdb::FileSystem>& files,
            rocksdb::Env& env,
            const std::string& directory,
            std::uint64_t spare_bytes);
  ~SpareLogs() override;
  SpareLogs(const SpareLogs&) = delete;
  SpareLogs& operator=(const SpareLogs&) = delete;
  [[nodiscard]] const char* Name() const override { return "carillon.spare_logs"; }

  /// From now on there shall be a spare; none before.
  void begin();
  /// Waits until none is being made; true if one is ready.
  bool wait_for_spare();

  rocksdb::IOStatus NewWritableFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus GetFileSize(const std::string& name,
                                const rocksdb::IOOptions& options,
                                std::uint64_t* bytes,
                                rocksdb::IODebugContext* context) override;

 private:
  class Log;
  enum class Spare : std::uint8_t { unwanted, none, being_made, ready };

  [[nodiscard]] bool is_log(const std::string& name) const;
  [[nodiscard]] std::unique_ptr<rocksdb::FSWritableFile> take_spare(
      const std::string& name, const rocksdb::FileOptions& options);
  void order_spare();
  void make_spare();
  [[nodiscard]] rocksdb::IOStatus write_zeros();
  void remove_spare();
  void closed(const std::string& name);

  rocksdb::Env& env_;
  const std::string directory_;
  const std::string spare_name_;
  const std::uint64_t spare_bytes_;

  std::mutex mutex_;  // over the next two
  std::condition_variable made_;
  Spare spare_ = Spare::unwanted;
  std::map<std::string, std::shared_ptr<const std::atomic<std::uint64_t>>> open_logs_;
};

}  // namespace carillon::persistence
