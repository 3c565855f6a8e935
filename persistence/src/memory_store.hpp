#pragma once

#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/store.hpp"
#include "persistence/src/columns_cache.hpp"
#include "persistence/src/retention.hpp"
#include "persistence/src/rows.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace carillon::persistence {

/// Rows in ordered maps. No lock of its own.
class MemoryRows final : public Rows, public RowWriter {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;

  [[nodiscard]] engine::Result<bool> get(Table table,
                                         std::string_view key,
                                         std::string& value) const override;
  [[nodiscard]] std::unique_ptr<RowIterator> range(Table table,
                                                   std::string_view prefix,
                                                   std::string_view start,
                                                   Direction direction) const override;
  void put(Table table, std::string_view key, std::string_view value) override;
  void add(Table table, std::string_view key, std::string_view counters) override;
  void erase(Table table, std::string_view key) override;
  [[nodiscard]] std::size_t state_count() const noexcept { return at(Table::state).size(); }

 private:
  [[nodiscard]] Map& at(Table table) noexcept { return maps_[static_cast<std::size_t>(table)]; }
  [[nodiscard]] const Map& at(Table table) const noexcept {
    return maps_[static_cast<std::size_t>(table)];
  }

  std::array<Map, table_count> maps_;
};

/// Writes that are put off: while retention walks the rows, nobody may erase them. One thread.
class DeferredWrites final : public RowWriter {
 public:
  void put(Table table, std::string_view key, std::string_view value) override;
  void add(Table table, std::string_view key, std::string_view counters) override;
  void erase(Table table, std::string_view key) override;

  /// Does them, in their order.
  void apply_to(MemoryRows& rows) const;

 private:
  enum class Kind : std::uint8_t { put, addition, erasure };
  struct Write {
    Kind kind;
    Table table;
    std::string key;
    std::string value;
  };
  std::vector<Write> writes_;
};

/// The history in memory, for tests and pure fan-out: gone with the process.
///
/// Role      Store of `memory:`.
/// Threads   As Store.
/// Order     As Store: one mutex over reads and commits.
/// Bound     `bytes_max` of events and states; beyond it the oldest events of all
///           users are removed before a commit returns, as by retention; a user of
///           whom nothing is left then is as if it had never been.
/// Progress  A commit waits for the reads under way, and they for it.
/// Lifetime  Nothing.
/// Invariant As Retention.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const StoreOptions& options);

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
  [[nodiscard]] engine::InboxHealth health() const override { return {}; }
  [[nodiscard]] StoreLoad load() const override;

 private:
  [[nodiscard]] std::size_t bytes(std::uint64_t events,
                                  std::uint64_t event_bytes,
                                  std::size_t states) const noexcept;
  [[nodiscard]] engine::Result<void> shrink();
  void apply(const RetentionSlice& slice, const DeferredWrites& writes);
  void forget_empty(const engine::UserId& user);

  const std::size_t bytes_max_;
  const engine::LogOrigin origin_;
  const StoreIdentity identity_;

  mutable std::mutex mutex_;  // over everything below
  MemoryRows rows_;
  mutable ColumnsCache columns_;
  Retention retention_;
};

}  // namespace carillon::persistence
