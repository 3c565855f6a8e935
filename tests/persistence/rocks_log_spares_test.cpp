#include "persistence/src/rocks_log_spares.hpp"

#include "tests/persistence/failing_env.hpp"
#include "tests/support/temp_dir.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace carillon::testing {
namespace {

namespace fs = std::filesystem;
using persistence::SpareLogs;

constexpr std::uint64_t spare_bytes = 8'192;

/// A disk without room for spares.
class DiskWithoutRoom final : public rocksdb::FileSystemWrapper {
 public:
  DiskWithoutRoom() : FileSystemWrapper{rocksdb::FileSystem::Default()} {}
  [[nodiscard]] const char* Name() const override { return "carillon.without_room"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    auto status = target()->NewWritableFile(name, options, file, context);
    if (status.ok() && name.ends_with(persistence::spare_log_name))
      *file = std::make_unique<Full>(std::move(*file));
    return status;
  }

 private:
  class Full final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    using FSWritableFileOwnerWrapper::Append;
    using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
    rocksdb::IOStatus Append(const rocksdb::Slice& data,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override {
      static_cast<void>(target()->Append({data.data(), 100}, options, context));
      return rocksdb::IOStatus::NoSpace("no room");
    }
  };
};

class SpareLogsTest : public ::testing::Test {
 protected:
  void make(const std::shared_ptr<rocksdb::FileSystem>& disk = rocksdb::FileSystem::Default()) {
    logs_ = std::make_unique<SpareLogs>(disk, *rocksdb::Env::Default(), dir_.path(), spare_bytes);
  }
  void make_with_spare(
      const std::shared_ptr<rocksdb::FileSystem>& disk = rocksdb::FileSystem::Default()) {
    make(disk);
    logs_->begin();
    ASSERT_TRUE(logs_->wait_for_spare());
  }
  std::unique_ptr<rocksdb::FSWritableFile> open(const std::string& name) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    const auto opened = logs_->NewWritableFile(dir_ / name, {}, &file, nullptr);
    EXPECT_TRUE(opened.ok()) << opened.ToString();
    return file;
  }
  static rocksdb::IOStatus append(rocksdb::FSWritableFile& file, const std::string& bytes) {
    return file.Append(bytes, {}, nullptr);
  }
  std::string bytes(const std::string& name) {
    std::ostringstream bytes;
    bytes << std::ifstream{dir_ / name, std::ios::binary}.rdbuf();
    return bytes.str();
  }
  bool has_spare_file() { return fs::exists(dir_ / persistence::spare_log_name); }

  TempDir dir_;
  std::unique_ptr<SpareLogs> logs_;
};

TEST_F(SpareLogsTest, ALogIsWrittenOverZerosAndEndsWithItsContentWhenItIsClosed) {
  make_with_spare();

  const auto log = open("000007.log");
  ASSERT_TRUE(append(*log, "some").ok());
  ASSERT_TRUE(append(*log, "thing").ok());
  ASSERT_TRUE(log->Sync({}, nullptr).ok());

  EXPECT_EQ(bytes("000007.log"), "something" + std::string(spare_bytes - 9, '\0'));
  EXPECT_EQ(log->GetFileSize({}, nullptr), 9U);
  ASSERT_TRUE(log->Close({}, nullptr).ok());
  EXPECT_EQ(bytes("000007.log"), "something");
}

TEST_F(SpareLogsTest, EachLogBegunMakesTheNextSpare) {
  make_with_spare();
  for (const auto* name : {"000001.log", "000002.log", "000003.log"}) {
    const auto log = open(name);
    EXPECT_EQ(fs::file_size(dir_ / name), spare_bytes) << name;
    EXPECT_TRUE(logs_->wait_for_spare());
  }
}

TEST_F(SpareLogsTest, WithoutASpareALogIsAPlainFile) {
  make();

  const auto log = open("000007.log");
  ASSERT_TRUE(append(*log, "something").ok());

  EXPECT_EQ(bytes("000007.log"), "something");
  EXPECT_FALSE(logs_->wait_for_spare());
}

TEST_F(SpareLogsTest, OtherFilesAndLogsOfABackupAreNotTouched) {
  make_with_spare();
  fs::create_directory(dir_ / "backup");
  for (const auto* name : {"000007.sst", "backup/000007.log"}) {
    const auto file = open(name);
    EXPECT_EQ(fs::file_size(dir_ / name), 0U) << name;
  }
}

TEST_F(SpareLogsTest, ALogMayOutgrowItsSpare) {
  make_with_spare();
  const auto log = open("000007.log");
  const std::string part(5'000, 'x');
  for (int i = 0; i < 4; ++i) {
    log->PrepareWrite(log->GetFileSize({}, nullptr), part.size(), {}, nullptr);
    ASSERT_TRUE(append(*log, part).ok());
  }
  ASSERT_TRUE(log->Close({}, nullptr).ok());

  EXPECT_EQ(bytes("000007.log"), std::string(20'000, 'x'));
}

// For a backup RocksDB copies as much as the log has: not what is written behind meanwhile.
TEST_F(SpareLogsTest, TellsHowLongALogIsThatIsWritten) {
  make_with_spare();
  const auto log = open("000007.log");
  ASSERT_TRUE(append(*log, "something").ok());

  std::uint64_t size = 0;
  ASSERT_TRUE(logs_->GetFileSize(dir_ / "000007.log", {}, &size, nullptr).ok());
  EXPECT_EQ(size, 9U);
}

TEST_F(SpareLogsTest, AFailedWriteLeavesNoPartOfItBeforeZeros) {
  const auto disk = std::make_shared<FailingFileSystem>();
  make_with_spare(disk);
  const auto log = open("000007.log");
  ASSERT_TRUE(append(*log, "something").ok());

  disk->fail(FailingFileSystem::Fault::append_half);
  EXPECT_FALSE(append(*log, "and more").ok());

  EXPECT_EQ(bytes("000007.log"), "something");
}

TEST_F(SpareLogsTest, LeavesNoSpareBehindAndRemovesThatOfACrash) {
  make_with_spare();
  EXPECT_TRUE(has_spare_file());
  logs_.reset();
  EXPECT_FALSE(has_spare_file());

  std::ofstream{dir_ / persistence::spare_log_name} << "half";
  make();
  EXPECT_FALSE(has_spare_file());
}

TEST_F(SpareLogsTest, ADiskWithoutRoomForASpareHasPlainLogsAndNoLeftover) {
  make(std::make_shared<DiskWithoutRoom>());
  logs_->begin();
  EXPECT_FALSE(logs_->wait_for_spare());
  EXPECT_FALSE(has_spare_file());

  const auto log = open("000007.log");
  EXPECT_TRUE(append(*log, "something").ok());
  EXPECT_EQ(bytes("000007.log"), "something");
}

}  // namespace
}  // namespace carillon::testing
