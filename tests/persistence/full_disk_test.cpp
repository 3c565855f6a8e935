// Goal: a full disk hurts nobody who publishes: everything accepted is committed
// once there is room again, without a restart, and reads go on meanwhile.
// Method: a store on a small file system of its own (tmpfs, so root alone can run
// this), filled up by another file.
#include "carillon/engine/broadcaster.hpp"
#include "carillon/persistence/write_behind.hpp"
#include "tests/persistence/store_fixture.hpp"
#include "tests/support/recording_acks.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace carillon::testing {
namespace {

namespace fs = std::filesystem;
using engine::AckOutcome;

constexpr std::size_t disk_bytes = std::size_t{32} << 20U;

class FullDiskTest : public StoreTest {
 protected:
  void SetUp() override {
    fs::create_directory(disk_);
    const auto size = "size=" + std::to_string(disk_bytes);
    mounted_ = ::mount("tmpfs", disk_.c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (!mounted_) {
      const char* ci = std::getenv("CI");  // NOLINT(concurrency-mt-unsafe): no threads yet
      const bool must_run = ci != nullptr && std::string_view{ci} == "true" && ::geteuid() == 0;
      ASSERT_FALSE(must_run) << "this root can't mount a tmpfs";
      GTEST_SKIP() << "needs the right to mount a tmpfs";
    }
    auto options = small_rocksdb(disk_ / "store");
    options.wal_bytes_max = std::size_t{1} << 20U;
    open(options);
  }
  void TearDown() override {
    store_.reset();
    if (mounted_) ::umount2(disk_.c_str(), MNT_DETACH);
  }

  void fill() {
    std::ofstream file{disk_ / "filler", std::ios::binary | std::ios::app};
    const std::string block(4'096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void make_room() { fs::remove(disk_ / "filler"); }

  const fs::path disk_ = dir_.path() / "disk";
  bool mounted_ = false;
};

TEST_F(FullDiskTest, LosesNothingAndRecoversWithoutARestart) {
  constexpr std::size_t events_before = 200;
  constexpr std::size_t events_behind = 400;
  const auto alice = numbered(1);
  std::size_t events = 0;
  RecordingAcks acks;
  {
    persistence::StoreReaders readers;
    persistence::WriteBehindOptions options{.shards = 1,
                                            .retry_wait_min = std::chrono::milliseconds{1}};
    persistence::WriteBehind log{*store_, readers, options, {}};
    auto broadcaster = std::move(*engine::Broadcaster::create({.shards = 1}, &log));
    const std::string text(2'000, 'x');
    const auto publish_next = [&] {
      auto event = broadcaster->event()
                       .from_user(alice)
                       .with_category("disk")
                       .with_action("fill")
                       .with_severity(engine::Severity::informational)
                       .with_description(text)
                       .build();
      ASSERT_EQ(broadcaster->publish(*event, {.sink = &acks, .token = events++}),
                engine::PublishStatus::accepted);
    };
    while (events < events_before)
      publish_next();
    // What the store gives up meanwhile, such as an old log, is room again: so the disk is
    // filled before each event, until some wait that can't be written.
    const auto end = std::chrono::steady_clock::now() + deadline;
    for (std::size_t behind = 0; behind < events_behind || log.health().writable;) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "the disk does not fill up";
      fill();
      if (log.health().writable && acks.count() < events) continue;
      publish_next();
      ++behind;
    }
    EXPECT_TRUE(store_->list({.user = alice}));  // reads go on

    make_room();
    broadcaster->stop();
    log.stop(std::chrono::hours{1});
    EXPECT_TRUE(log.health().writable);

    EXPECT_THAT(acks.acks(), ::testing::SizeIs(events));
    EXPECT_THAT(acks.acks(),
                ::testing::Each(::testing::Field(&engine::Ack::outcome, AckOutcome::durable)));
    acks.clear();  // the events belong to the broadcaster's pool
  }

  EXPECT_EQ(list({.user = alice}).total_count, events);
  reopen();
  EXPECT_EQ(list({.user = alice}).total_count, events);
  EXPECT_EQ(list({.user = alice, .page_size = events}).events.size(), events);
}

}  // namespace
}  // namespace carillon::testing
