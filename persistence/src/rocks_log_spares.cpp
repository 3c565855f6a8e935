#include "persistence/src/rocks_log_spares.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace carillon::persistence {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr std::string_view log_extension = ".log";
constexpr std::size_t piece_bytes = std::size_t{256} << 10U;  // of zeros

}  // namespace

bool overwriting_pays_in(const std::string& path) {
  struct statfs about {};
  if (::statfs(path.c_str(), &about) != 0) return false;
  const auto kind = static_cast<std::uint64_t>(about.f_type);
  return kind == EXT4_SUPER_MAGIC || kind == XFS_SUPER_MAGIC;
}

/// Writes from the beginning over what its file holds, and behind that as any file.
class SpareLogs::Log final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Log(std::unique_ptr<FSWritableFile> file, SpareLogs& logs, std::string name)
      : FSWritableFileOwnerWrapper{std::move(file)}, logs_{logs}, name_{std::move(name)} {}
  ~Log() override { logs_.closed(name_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Bytes of content: what was appended, not what the file has. Read by any thread.
  [[nodiscard]] std::shared_ptr<const std::atomic<std::uint64_t>> size() const { return size_; }

  IOStatus Append(const rocksdb::Slice& data,
                  const IOOptions& options,
                  IODebugContext* context) override {
    // S1 relaxed: only the thread that appends writes it. S2 release: who reads so many
    // bytes of the file (S3) finds them there.
    const auto size = size_->load(std::memory_order_relaxed);
    auto status = target()->Append(data, options, context);
    if (status.ok()) {
      size_->store(size + data.size(), std::memory_order_release);
    } else {
      // Some of it may be there. With zeros behind it nobody could tell where it ends.
      static_cast<void>(target()->Truncate(size, options, context));
    }
    return status;
  }
  IOStatus Append(const rocksdb::Slice& data,
                  const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*checksum*/,
                  IODebugContext* context) override {
    return Append(data, options, context);
  }
  /// Zeros that can't be cut off are no harm: whoever opens the log next does it.
  IOStatus Close(const IOOptions& options, IODebugContext* context) override {
    static_cast<void>(target()->Truncate(size_->load(std::memory_order_relaxed), options, context));
    return target()->Close(options, context);
  }
  void PrepareWrite(std::size_t offset,
                    std::size_t bytes,
                    const IOOptions& options,
                    IODebugContext* context) override {
    if (offset + bytes > logs_.spare_bytes_)
      target()->PrepareWrite(offset, bytes, options, context);
  }
  std::uint64_t GetFileSize(const IOOptions& /*options*/, IODebugContext* /*context*/) override {
    return size_->load(std::memory_order_relaxed);
  }

 private:
  SpareLogs& logs_;
  const std::string name_;
  const std::shared_ptr<std::atomic<std::uint64_t>> size_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

SpareLogs::SpareLogs(const std::shared_ptr<rocksdb::FileSystem>& files,
                     rocksdb::Env& env,
                     const std::string& directory,
                     std::uint64_t spare_bytes)
    : FileSystemWrapper{files},
      env_{env},
      directory_{directory + "/"},
      spare_name_{directory_ + spare_log_name},
      spare_bytes_{spare_bytes} {
  // The database asks for such threads as well, but later than this may be used.
  env_.IncBackgroundThreadsIfNeeded(1, rocksdb::Env::HIGH);
  remove_spare();
}

SpareLogs::~SpareLogs() {
  if (env_.UnSchedule(this, rocksdb::Env::HIGH) == 0) static_cast<void>(wait_for_spare());
  remove_spare();
}

void SpareLogs::begin() {
  {
    const std::lock_guard lock{mutex_};
    if (spare_ == Spare::unwanted) spare_ = Spare::none;
  }
  order_spare();
}

bool SpareLogs::wait_for_spare() {
  std::unique_lock lock{mutex_};
  made_.wait(lock, [this] { return spare_ != Spare::being_made; });
  return spare_ == Spare::ready;
}

bool SpareLogs::is_log(const std::string& name) const {
  if (!name.starts_with(directory_) || !name.ends_with(log_extension)) return false;
  const std::string_view inner{name};
  return inner.find('/', directory_.size()) == std::string_view::npos;
}

IOStatus SpareLogs::NewWritableFile(const std::string& name,
                                    const FileOptions& options,
                                    std::unique_ptr<FSWritableFile>* file,
                                    IODebugContext* context) {
  if (!is_log(name)) return target()->NewWritableFile(name, options, file, context);
  *file = take_spare(name, options);
  order_spare();
  return *file ? IOStatus::OK() : target()->NewWritableFile(name, options, file, context);
}

std::unique_ptr<FSWritableFile> SpareLogs::take_spare(const std::string& name,
                                                      const FileOptions& options) {
  {
    const std::lock_guard lock{mutex_};
    if (spare_ != Spare::ready) return {};
    spare_ = Spare::none;
  }
  std::unique_ptr<FSWritableFile> file;
  if (!target()->ReuseWritableFile(name, spare_name_, options, &file, nullptr).ok()) return {};
  auto log = std::make_unique<Log>(std::move(file), *this, name);
  const std::lock_guard lock{mutex_};
  open_logs_[name] = log->size();
  return log;
}

IOStatus SpareLogs::GetFileSize(const std::string& name,
                                const IOOptions& options,
                                std::uint64_t* bytes,
                                IODebugContext* context) {
  {
    const std::lock_guard lock{mutex_};
    if (const auto log = open_logs_.find(name); log != open_logs_.end()) {
      *bytes = log->second->load(std::memory_order_acquire);  // S3, see S2
      return IOStatus::OK();
    }
  }
  return target()->GetFileSize(name, options, bytes, context);
}

void SpareLogs::closed(const std::string& name) {
  const std::lock_guard lock{mutex_};
  open_logs_.erase(name);
}

void SpareLogs::order_spare() {
  {
    const std::lock_guard lock{mutex_};
    if (spare_ != Spare::none) return;
    spare_ = Spare::being_made;
  }
  env_.Schedule([](void* logs) { static_cast<SpareLogs*>(logs)->make_spare(); }, this,
                rocksdb::Env::HIGH, this);
}

void SpareLogs::make_spare() {
  const bool made = write_zeros().ok();
  if (!made) remove_spare();
  const std::lock_guard lock{mutex_};
  spare_ = made ? Spare::ready : Spare::none;
  made_.notify_all();  // with the mutex, for the destructor may be who waits
}

IOStatus SpareLogs::write_zeros() {
  std::unique_ptr<FSWritableFile> file;
  if (auto made = target()->NewWritableFile(spare_name_, {}, &file, nullptr); !made.ok())
    return made;
  const std::string zeros(
      static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, spare_bytes_)), '\0');
  for (std::uint64_t at = 0; at < spare_bytes_;) {
    const auto bytes = std::min<std::uint64_t>(zeros.size(), spare_bytes_ - at);
    if (auto written = file->Append({zeros.data(), bytes}, {}, nullptr); !written.ok())
      return written;
    // So that the disk begins now, and nobody's sync has to wait for all of it.
    if (auto begun = file->RangeSync(at, bytes, {}, nullptr); !begun.ok()) return begun;
    at += bytes;
  }
  if (auto synced = file->Fsync({}, nullptr); !synced.ok()) return synced;
  return file->Close({}, nullptr);
}

void SpareLogs::remove_spare() {
  static_cast<void>(target()->DeleteFile(spare_name_, {}, nullptr));
}

}  // namespace carillon::persistence
