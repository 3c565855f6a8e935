#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace carillon::testing {

/// The operating system as RocksDB sees it, with a disk that fails on demand.
class FailingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault : std::uint8_t {
    none,
    append,       ///< a write to the log fails, nothing is written
    append_half,  ///< a write to the log fails after half of it
    sync,         ///< the log is written, its sync fails
  };

  FailingFileSystem() : FileSystemWrapper{rocksdb::FileSystem::Default()} {}
  [[nodiscard]] const char* Name() const override { return "carillon.failing"; }

  void fail(Fault fault) noexcept { fault_.store(fault); }

  rocksdb::IOStatus NewWritableFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    auto status = target()->NewWritableFile(name, options, file, context);
    if (status.ok() && name.ends_with(".log"))
      *file = std::make_unique<Log>(std::move(*file), fault_);
    return status;
  }
  rocksdb::IOStatus ReuseWritableFile(const std::string& name,
                                      const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* context) override {
    auto status = target()->ReuseWritableFile(name, old_name, options, file, context);
    if (status.ok() && name.ends_with(".log"))
      *file = std::make_unique<Log>(std::move(*file), fault_);
    return status;
  }

 private:
  class Log final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    Log(std::unique_ptr<rocksdb::FSWritableFile> file, const std::atomic<Fault>& fault)
        : FSWritableFileOwnerWrapper{std::move(file)}, fault_{fault} {}

    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override {
      const auto fault = fault_.load();
      if (fault == Fault::append_half) {
        const auto status = target()->Append({data.data(), data.size() / 2}, options, context);
        return status.ok() ? rocksdb::IOStatus::NoSpace("half of it") : status;
      }
      if (fault == Fault::append) return rocksdb::IOStatus::NoSpace("no room");
      return target()->Append(data, options, context);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
      if (fault_.load() == Fault::sync) return rocksdb::IOStatus::IOError("sync failed");
      return target()->Sync(options, context);
    }

   private:
    const std::atomic<Fault>& fault_;
  };

  std::atomic<Fault> fault_{Fault::none};
};

}  // namespace carillon::testing
