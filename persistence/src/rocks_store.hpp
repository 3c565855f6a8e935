#pragma once

#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/store.hpp"
#include "persistence/src/columns_cache.hpp"
#include "persistence/src/damage_record.hpp"
#include "persistence/src/pending_counters.hpp"
#include "persistence/src/read_gate.hpp"
#include "persistence/src/retention.hpp"
#include "persistence/src/rocks_rows.hpp"
#include "persistence/src/rocks_tables.hpp"
#include "persistence/src/store_directory.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace carillon::persistence {

/// Sequences reserved at a time. A life shows none beyond its reservation, so
/// the next life begins behind it. 2^53 sequences are enough for 8 million lives.
inline constexpr engine::Sequence reservation_block = engine::Sequence{1} << 30U;

/// A directory with a RocksDB.
///
/// Role      Store of `rocksdb:PATH`.
/// Threads   As Store.
/// Order     As Store: a read uses the snapshot of the latest commit.
/// Bound     Memory: cache, write buffers, log and columns of StoreOptions.
/// Progress  After a failed write the next commit() first tries the disk, then
///           opens the database anew; reads wait for that moment only, and are
///           served from the old one while the disk refuses.
/// Lifetime  Nothing.
/// Invariant A commit is applied once. Each one writes its number, so that after
///           reopening the store knows whether the failed one is in the log.
///           And reserved_until_ is durable, and above every sequence shown.
class RocksStore final : public Store {
 public:
  /// `env`: see RocksTables::open.
  [[nodiscard]] static engine::Result<std::unique_ptr<Store>> open(const std::string& path,
                                                                   const StoreOptions& options,
                                                                   rocksdb::Env* env = nullptr);
  ~RocksStore() override;
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  [[nodiscard]] engine::Result<void> commit(std::span<const engine::LogEntry> batch) override;
  [[nodiscard]] engine::Result<RetentionStep> retain(engine::Timestamp now,
                                                     std::chrono::microseconds budget) override;
  void set_retention(const RetentionOptions& options) override { retention_.set_options(options); }
  [[nodiscard]] engine::Result<engine::EventPage> list(
      const engine::ListQuery& query) const override;
  [[nodiscard]] engine::Result<std::string> get(const engine::UserId& user,
                                                const engine::EventId& id) const override;
  [[nodiscard]] engine::Result<std::optional<std::string>> find_by_id(
      const engine::UserId& owner, const engine::EventId& id) const override;
  [[nodiscard]] engine::Result<engine::Aggregate> aggregate(
      const engine::UserId& user) const override;
  [[nodiscard]] engine::Result<std::vector<engine::Kind>> kinds(
      const engine::UserId& user) const override;

  [[nodiscard]] engine::LogOrigin origin() const noexcept override { return origin_; }
  [[nodiscard]] StoreIdentity identity() const noexcept override { return identity_; }
  /// While RocksDB stops writes it is not writable: nothing can become durable. Damage that
  /// reads have met is told, but it stays writable: the others are served.
  [[nodiscard]] engine::InboxHealth health() const override;
  /// A reader: should a write fail meanwhile, the reopening waits for its end.
  [[nodiscard]] engine::Result<void> backup(const std::string& path) const override;
  [[nodiscard]] StoreLoad load() const override;

 private:
  RocksStore(StoreDirectory directory, StoreOptions options, rocksdb::Env* env);

  [[nodiscard]] engine::Result<void> start();
  [[nodiscard]] engine::Result<void> read_identity();
  [[nodiscard]] engine::Result<void> make_identity();
  [[nodiscard]] engine::Result<void> reserve_first();

  [[nodiscard]] engine::Result<void> try_commit(std::span<const engine::LogEntry> batch);
  [[nodiscard]] engine::Result<bool> recover(std::span<const engine::LogEntry> batch);
  [[nodiscard]] engine::Result<RetentionStep> try_retain(engine::Timestamp now,
                                                         std::chrono::microseconds budget);
  enum class Durability : std::uint8_t { now, with_next_commit };
  void note_unsynced(RocksBatch& rows) const;
  [[nodiscard]] engine::Result<void> write(RocksBatch& rows, Durability durability);
  /// The rows of the latest commit.
  [[nodiscard]] std::shared_ptr<const Rows> latest_rows() const;
  void begin_spare_logs();

  /// A failure because of damage is remembered.
  template <class T, class Read>
  [[nodiscard]] engine::Result<T> read(Read&& read) const;
  template <class T, class Read>
  [[nodiscard]] engine::Result<T> try_read(Read&& read) const;

  const StoreDirectory directory_;
  const StoreOptions options_;
  rocksdb::Env* const env_;
  mutable ReadGate gate_;

  // Set when the store is opened, never written again.
  engine::LogOrigin origin_;
  StoreIdentity identity_;

  // The writer's; tables_ is read by others through gate_.
  std::unique_ptr<RocksTables> tables_;  // null if reopening failed
  bool logs_noted_ = false;              // see RocksTables::replayed_logs
  // RocksDB's sequence from which on the log is not synced; none if all of it is.
  std::optional<std::uint64_t> unsynced_from_;
  std::uint64_t commits_ = 0;  // number of the latest one applied
  engine::Sequence reserved_until_ = 0;
  mutable ColumnsCache columns_;  // holds a snapshot of tables_
  AdditionCounts additions_;
  Retention retention_;
  PendingCounters pending_;
  bool broken_ = false;  // the latest write failed: recover() before the next

  mutable DamageRecord damage_;
  mutable std::mutex health_mutex_;
  engine::InboxHealth health_;
};

}  // namespace carillon::persistence
