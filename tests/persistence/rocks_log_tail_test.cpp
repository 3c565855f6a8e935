// Goal: of a log that a crash left in a file of zeros, all that was synced is kept, what was
// not is cut off, and damage is told from a tear.
#include "persistence/src/rocks_log_tail.hpp"

#include "tests/persistence/log_builder.hpp"
#include "tests/support/temp_dir.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <vector>

namespace carillon::testing {
namespace {

using persistence::find_tail;
using persistence::LogFile;
using persistence::unsynced_note;

constexpr std::size_t sector = 512;
constexpr std::size_t block = persistence::log_block_bytes;
const std::string zeros(3 * block, '\0');

std::string without_sector(std::string log, std::size_t from, std::size_t to) {
  return log.replace(from, to - from, to - from, '\0');
}

TEST(LogTailTest, APlainLogEndsWithItsFile) {
  LogBuilder log;
  log.add(LogBuilder::batch(1, 100)).add(LogBuilder::batch(2, 2 * block));

  EXPECT_EQ(find_tail(log.bytes()).end, log.bytes().size());
  EXPECT_TRUE(find_tail(log.bytes()).is_blank);
  EXPECT_EQ(find_tail("").end, 0U);
}

TEST(LogTailTest, ZerosBehindTheLastBatchAreNoneOfIt) {
  LogBuilder log;
  log.add(LogBuilder::batch(1, 100)).add(LogBuilder::batch(2, 5'000, {}, '\0'));

  const auto tail = find_tail(log.bytes() + zeros);

  EXPECT_EQ(tail.end, log.bytes().size());
  EXPECT_TRUE(tail.is_blank);
}

TEST(LogTailTest, ABatchMayEndInZerosWhereverItsBlockEnds) {
  for (std::size_t left = 0; left < 20; ++left) {
    LogBuilder log;
    log.add(LogBuilder::batch(1, block - persistence::log_header_bytes - left, {}, '\0'));
    const auto first = log.bytes().size();
    EXPECT_EQ(find_tail(log.bytes() + zeros).end, first) << left;

    log.add(LogBuilder::batch(2, 50, {}, '\0'));
    EXPECT_EQ(find_tail(log.bytes() + zeros).end, log.bytes().size()) << left;
  }
}

class TrimLogsTest : public ::testing::Test {
 protected:
  void have(const std::vector<std::string>& logs) {
    logs_.clear();
    for (std::size_t i = 0; i < logs.size(); ++i) {
      const auto path = dir_ / std::to_string(i);
      std::ofstream{path, std::ios::binary} << logs[i];
      logs_.push_back({.number = i + 1, .path = path, .bytes = logs[i].size()});
    }
  }
  void trim() {
    const auto trimmed = persistence::trim_logs(*rocksdb::FileSystem::Default(), logs_);
    ASSERT_TRUE(trimmed.ok()) << trimmed.ToString();
  }
  std::string file(std::size_t log) {
    std::ostringstream bytes;
    bytes << std::ifstream{dir_ / std::to_string(log), std::ios::binary}.rdbuf();
    return bytes.str();
  }
  /// Of one log.
  std::string trimmed(const std::string& log) {
    have({log});
    trim();
    return file(0);
  }

  TempDir dir_;
  std::vector<LogFile> logs_;
};

TEST_F(TrimLogsTest, LeavesAPlainFileOfWhatWasWritten) {
  LogBuilder log;
  log.add(LogBuilder::batch(1, 700));

  EXPECT_EQ(trimmed(log.bytes() + zeros), log.bytes());
  EXPECT_EQ(logs_.front().bytes, log.bytes().size());
}

TEST_F(TrimLogsTest, ALogOfZerosHoldsNothing) {
  LogBuilder log;
  log.add(LogBuilder::batch(1, 700));
  have({log.bytes() + zeros, zeros});

  trim();

  ASSERT_EQ(logs_.size(), 1U);
  EXPECT_EQ(file(0), log.bytes());
  EXPECT_EQ(file(1), "");
}

TEST_F(TrimLogsTest, CutsABatchThatLacksAnyOfItsSectors) {
  for (const std::size_t bytes : {std::size_t{40}, std::size_t{3'000}, 2 * block}) {
    LogBuilder log;
    log.add(LogBuilder::batch(1, 700));
    const auto whole = log.bytes();
    log.add(LogBuilder::batch(2, bytes));
    const auto end = log.bytes().size();
    for (auto at = whole.size(); at < end;) {
      const auto next = std::min(end, (at / sector + 1) * sector);
      EXPECT_EQ(trimmed(without_sector(log.bytes() + zeros, at, next)), whole) << at;
      EXPECT_EQ(trimmed(without_sector(log.bytes() + zeros, at, end)), whole) << "from " << at;
      EXPECT_EQ(trimmed(without_sector(log.bytes() + zeros, whole.size(), next)), whole)
          << "up to " << next;
      at = next;
    }
  }
}

TEST_F(TrimLogsTest, LeavesABatchThatIsDamagedAndLacksNone) {
  LogBuilder log;
  log.add(LogBuilder::batch(1, 700));
  const auto whole = log.bytes().size();
  log.add(LogBuilder::batch(2, 3'000));
  for (const auto at : {whole, whole + 4, whole + 6, whole + 500, log.bytes().size() - 1}) {
    auto damaged = log.bytes() + zeros;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);

    EXPECT_EQ(trimmed(damaged), damaged) << at;
  }
}

TEST_F(TrimLogsTest, LeavesAHoleBeforeABatchThatWasWrittenAfterItsSync) {
  LogBuilder log;
  log.add(LogBuilder::batch(1, 700));
  const auto begin = (log.bytes().size() / sector + 1) * sector;
  for (const std::size_t bytes : {std::size_t{900}, 2 * block}) {
    auto longer = log;
    longer.add(LogBuilder::batch(2, 3'000)).add(LogBuilder::batch(3, bytes));
    const auto damaged = without_sector(longer.bytes() + zeros, begin, begin + 2 * sector);

    EXPECT_EQ(trimmed(damaged), damaged);
  }
}

TEST_F(TrimLogsTest, CutsAHoleAmongBatchesThatWereToBeSyncedTogether) {
  LogBuilder log;
  log.add(LogBuilder::batch(1, 700));
  const auto whole = log.bytes();
  const auto begin = (whole.size() / sector + 1) * sector;
  log.add(LogBuilder::batch(2, 3'000))
      .add(LogBuilder::batch(3, 900, unsynced_note(2)))
      .add(LogBuilder::batch(4, 900, unsynced_note(2)));
  EXPECT_EQ(trimmed(without_sector(log.bytes() + zeros, begin, begin + sector)), whole);

  log.add(LogBuilder::batch(5, 900));  // that sync has come back
  const auto damaged = without_sector(log.bytes() + zeros, begin, begin + sector);
  EXPECT_EQ(trimmed(damaged), damaged);
}

TEST_F(TrimLogsTest, LeavesAHoleBeforeTheBatchesThatWereToBeSyncedTogether) {
  LogBuilder log;
  log.add(LogBuilder::batch(1, 700));
  const auto begin = (log.bytes().size() / sector + 1) * sector;
  log.add(LogBuilder::batch(2, 3'000)).add(LogBuilder::batch(4, 900, unsynced_note(3)));
  const auto damaged = without_sector(log.bytes() + zeros, begin, begin + sector);

  EXPECT_EQ(trimmed(damaged), damaged);
}

TEST_F(TrimLogsTest, AsksTheNewerLogsWhetherAHoleWasSynced) {
  LogBuilder older;
  older.add(LogBuilder::batch(1, 700));
  const auto whole = older.bytes();
  const auto begin = (whole.size() / sector + 1) * sector;
  older.add(LogBuilder::batch(2, 3'000));
  const auto hole = without_sector(older.bytes() + zeros, begin, begin + sector);
  LogBuilder together;
  together.add(LogBuilder::batch(3, 200, unsynced_note(2)));
  LogBuilder after;
  after.add(LogBuilder::batch(3, 200));

  have({hole, together.bytes() + zeros});
  trim();
  EXPECT_EQ(file(0), whole);
  EXPECT_EQ(file(1), together.bytes());

  have({hole, after.bytes() + zeros});
  trim();
  EXPECT_EQ(file(0), hole);
  EXPECT_EQ(file(1), after.bytes());
}

TEST_F(TrimLogsTest, LeavesAPlainLogThatEndsInHalfABatchToRocksdb) {
  LogBuilder log;
  log.add(LogBuilder::batch(1, 700)).add(LogBuilder::batch(2, 700));
  const auto torn = log.bytes().substr(0, log.bytes().size() - 3);

  EXPECT_EQ(trimmed(torn), torn);
}

}  // namespace
}  // namespace carillon::testing
