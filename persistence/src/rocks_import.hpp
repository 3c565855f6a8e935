#pragma once

#include "persistence/src/counters.hpp"
#include "persistence/src/import_target.hpp"
#include "persistence/src/rocks_rows.hpp"
#include "persistence/src/rocks_tables.hpp"
#include "persistence/src/store_directory.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace carillon::persistence {

/// Imports into a RocksDB store. Items are written some thousands at a time, with their
/// counts, in the order of the file; a crash leaves whole such batches, and the next
/// import of the file goes on behind them.
class RocksImport final : public ImportTarget {
 public:
  /// Makes or migrates the store as a server would.
  [[nodiscard]] static engine::Result<std::unique_ptr<ImportTarget>> open(const std::string& path);

  [[nodiscard]] engine::Result<bool> begin(const ExportHeader& header) override;
  [[nodiscard]] engine::Result<std::vector<ImportOutcome>> put(
      std::span<const ImportItem> items) override;
  [[nodiscard]] engine::Result<void> finish() override;

 private:
  /// A broadcast as far as a mark's counts depend on it.
  struct Broadcast {
    engine::Sequence sequence = 0;
    engine::Status status{};
    engine::Severity severity{};
    std::string category;
    std::string action;
  };
  /// What one batch adds.
  struct Batch {
    explicit Batch(const RocksTables& tables, AdditionCounts& additions)
        : rows{tables, additions, /*indexed=*/false} {}
    RocksBatch rows;
    std::unordered_set<std::string> keys;  // of ids and states put
    std::unordered_map<engine::UserId, Counters> counts;
    std::unordered_map<std::string, std::int64_t> kinds;
  };

  RocksImport(StoreDirectory directory, std::unique_ptr<RocksTables> tables)
      : directory_{std::move(directory)}, tables_{std::move(tables)} {}

  [[nodiscard]] engine::Result<ImportOutcome> put_event(Batch& batch, const ImportedEvent& event);
  [[nodiscard]] engine::Result<ImportOutcome> put_mark(Batch& batch, const ExportedMark& mark);
  [[nodiscard]] engine::Result<const Broadcast*> find_broadcast(const engine::EventId& id);
  [[nodiscard]] engine::Result<bool> is_there(const Batch& batch,
                                              Table table,
                                              const std::string& key) const;
  [[nodiscard]] engine::Result<void> write(Batch& batch, bool sync);

  const StoreDirectory directory_;
  std::unique_ptr<RocksTables> tables_;
  AdditionCounts additions_;
  SequenceShift shift_;
  std::uint64_t commits_ = 0;
  std::unordered_map<engine::EventId, Broadcast> broadcasts_;  // lately imported or marked ones
};

}  // namespace carillon::persistence
