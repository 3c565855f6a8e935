#include "tests/persistence/crash_file_system.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

namespace carillon::testing {
namespace {

namespace fs = std::filesystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr std::uint64_t sector_bytes = 512;

std::string read_bytes(const std::string& name, std::uint64_t begin, std::uint64_t end) {
  std::string bytes(end - begin, '\0');
  std::ifstream file{name, std::ios::binary};
  file.seekg(static_cast<std::streamoff>(begin));
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void write_bytes(const std::string& name, std::uint64_t at, const std::string& bytes) {
  std::fstream file{name, std::ios::in | std::ios::out | std::ios::binary};
  file.seekp(static_cast<std::streamoff>(at));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

class CrashFileSystem::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> file,
       CrashFileSystem& machine,
       std::string name,
       std::shared_ptr<Inode> inode,
       std::uint64_t at = 0)
      : FSWritableFileOwnerWrapper{std::move(file)},
        machine_{machine},
        name_{std::move(name)},
        inode_{std::move(inode)},
        at_{at} {}

  IOStatus Append(const rocksdb::Slice& data,
                  const IOOptions& options,
                  IODebugContext* context) override {
    const std::lock_guard lock{machine_.mutex_};
    const auto verdict = machine_.judge(Operation::append);
    if (verdict == Verdict::dead) return machine_.failure(verdict);
    const auto taken = verdict == Verdict::fail ? part_of(data.size()) : std::uint64_t{data.size()};
    machine_.remember(name_, *inode_, at_, std::min(at_ + taken, inode_->size));
    const auto status = target()->Append({data.data(), taken}, options, context);
    if (status.ok()) {
      at_ += taken;
      inode_->size = std::max(inode_->size, at_);
    }
    return verdict == Verdict::go ? status : machine_.failure(verdict);
  }
  IOStatus Append(const rocksdb::Slice& data,
                  const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*checksum*/,
                  IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Truncate(std::uint64_t size,
                    const IOOptions& options,
                    IODebugContext* context) override {
    const std::lock_guard lock{machine_.mutex_};
    const auto verdict = machine_.judge(Operation::truncate);
    if (verdict != Verdict::go) return machine_.failure(verdict);
    // Longer than it is: not seen yet, so not modelled.
    if (size > inode_->size) return IOStatus::NotSupported("truncating");
    machine_.cut(name_, *inode_, size);
    return target()->Truncate(size, options, context);
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*context*/) override {
    return machine_.sync(*inode_);
  }
  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*context*/) override {
    return machine_.sync(*inode_);
  }
  IOStatus RangeSync(std::uint64_t /*offset*/,
                     std::uint64_t /*bytes*/,
                     const IOOptions& /*options*/,
                     IODebugContext* /*context*/) override {
    return IOStatus::OK();  // begins to write, promises nothing
  }

 private:
  /// How much of so many bytes is written by a write that fails. Over others, whole pages.
  [[nodiscard]] std::uint64_t part_of(std::uint64_t bytes) {
    const auto part = machine_.below_or_at(bytes);
    const auto end = at_ + part;
    if (part == bytes || end >= inode_->size) return part;
    return std::max(end / sector_bytes * sector_bytes, at_) - at_;
  }

  CrashFileSystem& machine_;
  const std::string name_;
  const std::shared_ptr<Inode> inode_;
  std::uint64_t at_;  // where the next bytes go
};

/// A file whose bytes are written once more as they are.
class CrashFileSystem::RewrittenFile final : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  RewrittenFile(std::unique_ptr<rocksdb::FSRandomRWFile> file,
                CrashFileSystem& machine,
                std::shared_ptr<Inode> inode)
      : FSRandomRWFileOwnerWrapper{std::move(file)}, machine_{machine}, inode_{std::move(inode)} {}

  IOStatus Write(std::uint64_t offset,
                 const rocksdb::Slice& data,
                 const IOOptions& options,
                 IODebugContext* context) override {
    const std::lock_guard lock{machine_.mutex_};
    const auto verdict = machine_.judge(Operation::append);
    if (verdict != Verdict::go) return machine_.failure(verdict);
    if (offset + data.size() > inode_->size) return IOStatus::NotSupported("writing more");
    for (auto& range : inode_->unsure)  // these pages are dirty again
      if (offset <= range.begin && range.end <= offset + data.size()) {
        inode_->synced = std::min(inode_->synced, range.begin);
        range.end = range.begin;
      }
    for (auto& [at, sector] : inode_->overwritten)
      if (offset <= at && at < offset + data.size()) sector.unsure = false;
    return target()->Write(offset, data, options, context);
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*context*/) override {
    return machine_.sync(*inode_);
  }
  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*context*/) override {
    return machine_.sync(*inode_);
  }

 private:
  CrashFileSystem& machine_;
  const std::shared_ptr<Inode> inode_;
};

class CrashFileSystem::Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, CrashFileSystem& machine)
      : FSDirectoryWrapper{std::move(directory)}, machine_{machine} {}

  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*context*/) override {
    return machine_.sync_directory();
  }
  IOStatus FsyncWithDirOptions(const IOOptions& /*options*/,
                               IODebugContext* /*context*/,
                               const rocksdb::DirFsyncOptions& /*what*/) override {
    return machine_.sync_directory();
  }

 private:
  CrashFileSystem& machine_;
};

CrashFileSystem::CrashFileSystem(std::string limbo, std::uint64_t seed)
    : FileSystemWrapper{rocksdb::FileSystem::Default()}, limbo_{std::move(limbo)}, random_{seed} {
  fs::create_directories(limbo_);
}

void CrashFileSystem::begin(const Plan& plan, std::function<void()> on_crash) {
  const std::lock_guard lock{mutex_};
  plan_ = plan;
  on_crash_ = std::move(on_crash);
  operations_ = 0;
  failures_ = 0;
  if (crashed_ && on_crash_) on_crash_();  // in the background, under the plan before
}

void CrashFileSystem::crash() {
  const std::lock_guard lock{mutex_};
  if (!crashed_) crash_now(Operation::none);
}

void CrashFileSystem::crash_now(Operation operation) {
  crashed_ = true;
  crashed_in_ = operation;
  if (on_crash_) on_crash_();
}

bool CrashFileSystem::crashed() const {
  const std::lock_guard lock{mutex_};
  return crashed_;
}
CrashFileSystem::Operation CrashFileSystem::crashed_in() const {
  const std::lock_guard lock{mutex_};
  return crashed_in_;
}
std::uint64_t CrashFileSystem::failures() const {
  const std::lock_guard lock{mutex_};
  return failures_;
}

CrashFileSystem::Verdict CrashFileSystem::judge(Operation operation) {
  if (crashed_) return Verdict::dead;
  const auto number = ++operations_;
  if (number >= plan_.crash_at) {
    crash_now(operation);
    return Verdict::crash;
  }
  if (number < plan_.fail_from || number - plan_.fail_from >= plan_.fail_count) return Verdict::go;
  ++failures_;
  return Verdict::fail;
}

IOStatus CrashFileSystem::failure(Verdict verdict) {
  if (verdict != Verdict::fail) return IOStatus::IOError("the machine has crashed");
  return below_or_at(1) == 0 ? IOStatus::NoSpace("no room") : IOStatus::IOError("the disk failed");
}

std::uint64_t CrashFileSystem::below_or_at(std::uint64_t bound) {
  return std::uniform_int_distribution<std::uint64_t>{0, bound}(random_);
}

/// How many of so many things, in their order, a crash leaves: often none or all.
std::uint64_t CrashFileSystem::survivors(std::uint64_t count) {
  switch (below_or_at(3)) {
    case 0:
      return 0;
    case 1:
      return count;
    default:
      return below_or_at(count);
  }
}

std::shared_ptr<CrashFileSystem::Inode> CrashFileSystem::inode_of(const std::string& name) {
  auto& inode = inodes_[name];
  if (!inode) {
    inode = std::make_shared<Inode>();
    std::error_code absent;
    const auto size = fs::file_size(name, absent);
    if (!absent) inode->size = inode->synced = size;
  }
  return inode;
}

std::string CrashFileSystem::to_limbo(const std::string& name) {
  auto kept = limbo_ + "/" + std::to_string(++kept_);
  fs::rename(name, kept);
  inodes_.erase(name);
  return kept;
}

IOStatus CrashFileSystem::sync(Inode& inode) {
  const std::lock_guard lock{mutex_};
  const auto verdict = judge(Operation::sync);
  if (verdict == Verdict::fail) {
    inode.unsure.push_back({inode.synced, inode.size});
    for (auto& [at, sector] : inode.overwritten)
      sector.unsure = true;
  }
  const bool done = verdict == Verdict::go || (verdict == Verdict::crash && below_or_at(1) == 0);
  if (done) {
    inode.synced = inode.size;
    std::erase_if(inode.overwritten, [](const auto& sector) { return !sector.second.unsure; });
    inode.cut.clear();
  }
  return verdict == Verdict::go ? IOStatus::OK() : failure(verdict);
}

IOStatus CrashFileSystem::sync_directory() {
  const std::lock_guard lock{mutex_};
  const auto verdict = judge(Operation::sync_directory);
  if (verdict != Verdict::go) return failure(verdict);
  for (const auto& entry : entries_)
    if (!entry.kept.empty()) fs::remove(entry.kept);
  entries_.clear();
  return IOStatus::OK();
}

IOStatus CrashFileSystem::NewWritableFile(const std::string& name,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* file,
                                          IODebugContext* context) {
  const std::lock_guard lock{mutex_};
  const auto verdict = judge(Operation::create);
  if (verdict == Verdict::fail || verdict == Verdict::dead) return failure(verdict);
  // What stood there is replaced: RocksDB does that to temporary files it left behind.
  if (fs::exists(name)) {
    auto old = inode_of(name);
    auto kept = to_limbo(name);
    entries_.push_back({Operation::remove, name, {}, std::move(kept), std::move(old)});
  }
  const auto status = target()->NewWritableFile(name, options, file, context);
  if (!status.ok()) return status;
  auto inode = std::make_shared<Inode>();
  inodes_[name] = inode;
  entries_.push_back({Operation::create, name, {}, {}, {}});
  if (verdict == Verdict::crash) {
    file->reset();
    return failure(verdict);
  }
  *file = std::make_unique<File>(std::move(*file), *this, name, std::move(inode));
  return status;
}

IOStatus CrashFileSystem::NewRandomRWFile(const std::string& name,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                          IODebugContext* context) {
  const std::lock_guard lock{mutex_};
  if (crashed_) return failure(Verdict::dead);
  const auto status = target()->NewRandomRWFile(name, options, file, context);
  if (status.ok()) *file = std::make_unique<RewrittenFile>(std::move(*file), *this, inode_of(name));
  return status;
}

IOStatus CrashFileSystem::NewDirectory(const std::string& name,
                                       const IOOptions& options,
                                       std::unique_ptr<rocksdb::FSDirectory>* directory,
                                       IODebugContext* context) {
  const auto status = target()->NewDirectory(name, options, directory, context);
  if (status.ok()) *directory = std::make_unique<Directory>(std::move(*directory), *this);
  return status;
}

IOStatus CrashFileSystem::RenameFile(const std::string& from,
                                     const std::string& to,
                                     const IOOptions& options,
                                     IODebugContext* context) {
  const std::lock_guard lock{mutex_};
  const auto verdict = judge(Operation::rename);
  if (verdict == Verdict::fail || verdict == Verdict::dead) return failure(verdict);
  const auto inode = inode_of(from);
  auto entry = begin_rename(from, to);
  const auto status = target()->RenameFile(from, to, options, context);
  inodes_.erase(from);
  inodes_[to] = inode;
  entries_.push_back(std::move(entry));
  return verdict == Verdict::go ? status : failure(verdict);
}

CrashFileSystem::Entry CrashFileSystem::begin_rename(const std::string& from,
                                                     const std::string& to) {
  Entry entry{Operation::rename, from, to, {}, {}};
  if (fs::exists(to)) {
    entry.old = inode_of(to);
    entry.kept = to_limbo(to);
  }
  return entry;
}

IOStatus CrashFileSystem::ReuseWritableFile(const std::string& name,
                                            const std::string& old_name,
                                            const rocksdb::FileOptions& options,
                                            std::unique_ptr<rocksdb::FSWritableFile>* file,
                                            IODebugContext* context) {
  const std::lock_guard lock{mutex_};
  const auto verdict = judge(Operation::rename);
  if (verdict == Verdict::fail || verdict == Verdict::dead) return failure(verdict);
  const auto inode = inode_of(old_name);
  auto entry = begin_rename(old_name, name);
  const auto status = target()->ReuseWritableFile(name, old_name, options, file, context);
  if (!status.ok()) return status;
  inodes_.erase(old_name);
  inodes_[name] = inode;
  entries_.push_back(std::move(entry));
  if (verdict == Verdict::crash) {
    file->reset();
    return failure(verdict);
  }
  *file = std::make_unique<File>(std::move(*file), *this, name, inode);
  return status;
}

IOStatus CrashFileSystem::ReopenWritableFile(const std::string& name,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                                             IODebugContext* context) {
  const std::lock_guard lock{mutex_};
  if (crashed_) return failure(Verdict::dead);
  const auto status = target()->ReopenWritableFile(name, options, file, context);
  const auto inode = inode_of(name);
  if (status.ok())
    *file = std::make_unique<File>(std::move(*file), *this, name, inode, inode->size);
  return status;
}

IOStatus CrashFileSystem::DeleteFile(const std::string& name,
                                     const IOOptions& options,
                                     IODebugContext* context) {
  if (!fs::exists(name)) return target()->DeleteFile(name, options, context);
  const std::lock_guard lock{mutex_};
  const auto verdict = judge(Operation::remove);
  if (verdict == Verdict::fail || verdict == Verdict::dead) return failure(verdict);
  auto old = inode_of(name);
  auto kept = to_limbo(name);
  entries_.push_back({Operation::remove, name, {}, std::move(kept), std::move(old)});
  return verdict == Verdict::go ? IOStatus::OK() : failure(verdict);
}

void CrashFileSystem::restart() {
  const std::lock_guard lock{mutex_};
  const auto kept = survivors(entries_.size());
  for (auto at = entries_.size(); at > kept; --at)
    undo(entries_[at - 1]);
  for (const auto& [name, inode] : inodes_)
    tear(name, *inode);
  entries_.clear();
  inodes_.clear();
  for (const auto& left : fs::directory_iterator{limbo_})
    fs::remove(left);
  begin_anew();
}

void CrashFileSystem::go_on() {
  const std::lock_guard lock{mutex_};
  begin_anew();
}

void CrashFileSystem::begin_anew() {
  plan_ = {};
  failures_ = 0;
  on_crash_ = {};
  crashed_ = false;
  crashed_in_ = Operation::none;
}

void CrashFileSystem::undo(const Entry& entry) {
  if (entry.change == Operation::create) {
    fs::remove(entry.name);
    inodes_.erase(entry.name);
    return;
  }
  if (entry.change == Operation::rename) {
    fs::rename(entry.to, entry.name);
    inodes_[entry.name] = inodes_[entry.to];
    inodes_.erase(entry.to);
  }
  if (entry.kept.empty()) return;
  const auto& place = entry.change == Operation::rename ? entry.to : entry.name;
  fs::rename(entry.kept, place);
  inodes_[place] = entry.old;
}

/// Keeps what the disk holds of these sectors, which are about to be written over.
void CrashFileSystem::remember(const std::string& name,
                               Inode& inode,
                               std::uint64_t begin,
                               std::uint64_t end) {
  for (auto at = begin / sector_bytes * sector_bytes; begin < end && at < end; at += sector_bytes) {
    const auto [sector, is_new] = inode.overwritten.try_emplace(at);
    if (is_new) sector->second.old = read_bytes(name, at, std::min(at + sector_bytes, inode.size));
    sector->second.unsure = false;
  }
}

void CrashFileSystem::cut(const std::string& name, Inode& inode, std::uint64_t size) {
  if (size < inode.synced) inode.cut.insert(0, read_bytes(name, size, inode.synced));
  inode.size = size;
  inode.synced = std::min(inode.synced, size);
}

void CrashFileSystem::tear(const std::string& name, const Inode& inode) {
  auto size = inode.synced + survivors(inode.size - inode.synced);
  fs::resize_file(name, size);
  for (const auto& range : inode.unsure) {
    const auto end = std::min(range.end, size);
    if (range.begin >= end || below_or_at(1) == 0) continue;
    write_bytes(name, range.begin, std::string(end - range.begin, '\0'));
  }
  if (!inode.cut.empty() && size == inode.size && below_or_at(1) == 0) {
    write_bytes(name, size, inode.cut);
    size += inode.cut.size();
  }
  const auto fate = below_or_at(3);  // all sectors are written, or none, or some
  for (const auto& [at, sector] : inode.overwritten) {
    if (at >= size || fate == 0 || (fate > 1 && below_or_at(1) == 0)) continue;
    write_bytes(name, at, sector.old.substr(0, size - at));
  }
}

}  // namespace carillon::testing
