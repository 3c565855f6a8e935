// Logs that end before their files do.
#include "persistence/src/rocks_log_tail.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace carillon::persistence {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class ShortFile final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  ShortFile(std::unique_ptr<rocksdb::FSSequentialFile> file, std::uint64_t bytes)
      : FSSequentialFileOwnerWrapper{std::move(file)}, left_{bytes} {}

  IOStatus Read(std::size_t wanted,
                const IOOptions& options,
                rocksdb::Slice* result,
                char* scratch,
                IODebugContext* context) override {
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left_));
    auto status = target()->Read(bytes, options, result, scratch, context);
    if (status.ok()) left_ -= result->size();
    return status;
  }
  IOStatus Skip(std::uint64_t wanted) override {
    const auto bytes = std::min(wanted, left_);
    left_ -= bytes;
    return target()->Skip(bytes);
  }

 private:
  std::uint64_t left_;
};

class TrimmedView final : public rocksdb::FileSystemWrapper {
 public:
  TrimmedView(const std::shared_ptr<rocksdb::FileSystem>& files, const std::vector<LogFile>& logs)
      : FileSystemWrapper{files} {
    for (const auto& log : logs)
      bytes_[log.path] = log.bytes;
  }
  [[nodiscard]] const char* Name() const override { return "carillon.trimmed_view"; }

  IOStatus NewSequentialFile(const std::string& name,
                             const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                             IODebugContext* context) override {
    auto status = target()->NewSequentialFile(name, options, file, context);
    if (const auto log = bytes_.find(name); status.ok() && log != bytes_.end())
      *file = std::make_unique<ShortFile>(std::move(*file), log->second);
    return status;
  }
  IOStatus GetFileSize(const std::string& name,
                       const IOOptions& options,
                       std::uint64_t* bytes,
                       IODebugContext* context) override {
    const auto log = bytes_.find(name);
    if (log == bytes_.end()) return target()->GetFileSize(name, options, bytes, context);
    *bytes = log->second;
    return IOStatus::OK();
  }

 private:
  std::map<std::string, std::uint64_t> bytes_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> trimmed_view(const std::shared_ptr<rocksdb::FileSystem>& files,
                                                  const std::vector<LogFile>& logs) {
  return std::make_shared<TrimmedView>(files, logs);
}

}  // namespace carillon::persistence
