#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace carillon::testing {

/// The operating system as RocksDB sees it, on a machine that can lose its power.
///
/// Keeps apart what was written and what was synced: of a file, the bytes behind the
/// last sync; of the directory, the entries made, renamed and removed since it was last
/// synced. restart() takes away what a crash takes: of the bytes appended all but a prefix,
/// of those written over others any sectors, of the entries' changes all but the first ones,
/// each as the seed says (a file system with a journal keeps the order of the latter), and
/// perhaps a truncation. What a failed sync left unwritten may be gone although a later sync
/// of the same file succeeded, as on Linux.
///
/// Threads   begin, crash, restart, go_on: one thread; the latter two with no file open. Everything
///           else: any thread.
/// Bound     One directory; what is removed is kept beside it until that is durable.
class CrashFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  enum class Operation : std::uint8_t {
    none,
    create,
    append,
    truncate,
    sync,
    sync_directory,
    rename,
    remove
  };
  static constexpr std::size_t operation_count = 8;

  /// Numbers of operations that change something, counted from begin() on, from 1.
  struct Plan {
    std::uint64_t crash_at = never;   ///< it and all that follow fail
    std::uint64_t fail_from = never;  ///< this one and further ones fail, then no more
    std::uint64_t fail_count = 0;
  };

  /// `limbo`: a directory of its own on the same file system as what it will hold.
  CrashFileSystem(std::string limbo, std::uint64_t seed);
  [[nodiscard]] const char* Name() const override { return "carillon.crashing"; }

  void begin(const Plan& plan, std::function<void()> on_crash = {});
  void crash();  ///< between two operations
  void restart();
  void go_on();  ///< after crash(): the process alone has died, nothing is lost yet

  [[nodiscard]] bool crashed() const;
  [[nodiscard]] Operation crashed_in() const;    ///< none: between two
  [[nodiscard]] std::uint64_t failures() const;  ///< operations that failed before a crash

  rocksdb::IOStatus NewWritableFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                    rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewDirectory(const std::string& name,
                                 const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus RenameFile(const std::string& from,
                               const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus DeleteFile(const std::string& name,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;

  rocksdb::IOStatus ReuseWritableFile(const std::string& name,
                                      const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name,
                                       const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* context) override;

  // Nobody needs these here; should RocksDB begin to, a test must say so.
  rocksdb::IOStatus Truncate(const std::string&,
                             size_t,
                             const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("truncating by name");
  }
  rocksdb::IOStatus LinkFile(const std::string&,
                             const std::string&,
                             const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("linking");
  }

 private:
  class File;
  class RewrittenFile;
  class Directory;

  struct Range {
    std::uint64_t begin;
    std::uint64_t end;
  };
  struct Sector {
    std::string old;      ///< what the disk still holds
    bool unsure = false;  ///< a sync of it failed
  };
  /// What is in the page cache and not on the disk.
  struct Inode {
    std::uint64_t size = 0;
    std::uint64_t synced = 0;
    std::vector<Range> unsure;                    ///< a sync of these bytes failed
    std::map<std::uint64_t, Sector> overwritten;  ///< by where they begin
    std::string cut;                              ///< synced bytes behind `size`, if truncated
  };
  struct Entry {
    Operation change;
    std::string name;
    std::string to;              ///< of a rename
    std::string kept;            ///< where the file is that was removed or replaced
    std::shared_ptr<Inode> old;  ///< of that file
  };
  enum class Verdict : std::uint8_t { go, fail, crash, dead };

  [[nodiscard]] Verdict judge(Operation operation);  // with mutex_ held
  void crash_now(Operation operation);               // with mutex_ held
  void begin_anew();                                 // with mutex_ held
  [[nodiscard]] rocksdb::IOStatus failure(Verdict verdict);
  [[nodiscard]] std::uint64_t below_or_at(std::uint64_t bound);
  [[nodiscard]] std::uint64_t survivors(std::uint64_t count);
  [[nodiscard]] std::shared_ptr<Inode> inode_of(const std::string& name);
  [[nodiscard]] std::string to_limbo(const std::string& name);
  [[nodiscard]] Entry begin_rename(const std::string& from, const std::string& to);
  void undo(const Entry& entry);
  void tear(const std::string& name, const Inode& inode);
  void remember(const std::string& name, Inode& inode, std::uint64_t begin, std::uint64_t end);
  void cut(const std::string& name, Inode& inode, std::uint64_t size);
  rocksdb::IOStatus sync(Inode& inode);
  rocksdb::IOStatus sync_directory();

  const std::string limbo_;
  mutable std::mutex mutex_;  // over everything below
  std::mt19937_64 random_;
  Plan plan_;
  std::function<void()> on_crash_;
  std::uint64_t operations_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t kept_ = 0;
  bool crashed_ = false;
  Operation crashed_in_ = Operation::none;
  std::map<std::string, std::shared_ptr<Inode>> inodes_;  // of what was touched since restart()
  std::vector<Entry> entries_;                            // changes since the last sync
};

}  // namespace carillon::testing
