#pragma once

#include "carillon/persistence/open_store.hpp"
#include "tests/support/log_entries.hpp"
#include "tests/support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace carillon::testing {

/// A user whose UUID shows its number.
inline engine::UserId numbered(std::uint8_t number) {
  engine::UserId id;
  id.bytes[0] = 0xAA;
  id.bytes[15] = number;
  return id;
}

/// An id of ours as it would have been made at that time.
inline engine::EventId id_made_at(std::int64_t at_microseconds) {
  auto id = engine::make_uuid_v4();
  auto time = static_cast<std::uint64_t>(at_microseconds) / 1'000;
  for (std::size_t byte = 6; byte-- > 0; time >>= 8U)
    id.bytes[byte] = static_cast<std::uint8_t>(time);
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0FU) | 0x70U);
  return id;
}

/// Write buffers as small as RocksDB allows, so that few events reach its files.
inline persistence::StoreOptions small_rocksdb(const std::string& path) {
  return {.url = "rocksdb:" + path,
          .cache_bytes = std::size_t{1} << 20U,
          .write_buffer_bytes = std::size_t{64} << 10U,
          .wal_bytes_max = std::size_t{256} << 10U,
          .pending_counts_bytes_max = std::size_t{4} << 10U};
}

/// A store and shorthand for what a test does with it.
class StoreTest : public ::testing::Test {
 protected:
  static constexpr engine::UserId nobody{};

  void open(persistence::StoreOptions options) {
    options_ = std::move(options);
    auto opened = persistence::open_store(options_);
    ASSERT_TRUE(opened) << opened.error().text();
    store_ = std::move(*opened);
  }
  void reopen() {
    store_.reset();
    open(options_);
  }

  void commit(const std::vector<engine::LogEntry>& batch) {
    const auto done = store_->commit(batch);
    ASSERT_TRUE(done) << done.error().text();
  }

  engine::LogEntry entry(const EventSpec& spec) { return event_entry(pool_, next_++, spec); }
  engine::LogEntry entry(engine::Change change) {
    const auto sequence = next_++;
    return change_entry(sequence, std::move(change));
  }

  engine::EventRef publish(const EventSpec& spec) {
    auto logged = entry(spec);
    auto event = logged.event;
    commit({std::move(logged)});
    return event;
  }
  std::vector<engine::EventId> apply(engine::Change change) {
    auto logged = entry(std::move(change));
    const auto applied = logged.change;
    commit({std::move(logged)});
    return applied->affected;
  }
  std::vector<engine::EventId> mark(const engine::UserId& user,
                                    std::vector<engine::EventId> ids,
                                    engine::Status status = engine::Status::read) {
    return apply({.user = user, .status = status, .ids = std::move(ids)});
  }
  /// Slices of retention until nothing is left to do, each as short as `budget` says:
  /// with 0 it makes one step.
  void retain(std::int64_t now, std::chrono::microseconds budget = std::chrono::seconds{1}) {
    for (int slices = 0; slices < 100'000; ++slices) {
      const auto step = store_->retain(at_us(now), budget);
      ASSERT_TRUE(step) << step.error().text();
      if (!step->more) return;
    }
    FAIL() << "retention finds no end";
  }

  std::vector<engine::EventId> remove(const engine::UserId& user,
                                      std::vector<engine::EventId> ids) {
    return apply({.kind = engine::Change::Kind::remove, .user = user, .ids = std::move(ids)});
  }

  engine::EventPage list(const engine::ListQuery& query) {
    const auto page = store_->list(query);
    EXPECT_TRUE(page) << page.error().text();
    return page ? *page : engine::EventPage{};
  }
  /// The sequences on the page of a list.
  std::vector<engine::Sequence> listed(const engine::ListQuery& query) {
    std::vector<engine::Sequence> sequences;
    for (const auto& json : list(query).events) {
      const auto at = json.rfind("\"sequence\":");
      sequences.push_back(std::stoull(json.substr(at + 11)));
    }
    return sequences;
  }

  TempDir dir_;
  engine::EventPool pool_;
  persistence::StoreOptions options_;
  std::unique_ptr<persistence::Store> store_;
  engine::Sequence next_ = 100;
};

/// The suite that every kind of store must pass.
enum class StoreKind : std::uint8_t { memory, rocksdb, postgresql };

/// Those that this program tests, and an empty one: each program has its own.
std::vector<StoreKind> kinds_under_test();
persistence::StoreOptions fresh_store(StoreKind kind, const TempDir& dir);

class StoreConformanceTest : public StoreTest, public ::testing::WithParamInterface<StoreKind> {
 protected:
  void SetUp() override { open(fresh_store(GetParam(), dir_)); }
  [[nodiscard]] bool outlives_the_process() const { return GetParam() != StoreKind::memory; }
};

}  // namespace carillon::testing
