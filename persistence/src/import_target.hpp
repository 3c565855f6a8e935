#pragma once

#include "carillon/engine/result.hpp"
#include "persistence/src/import_line.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace carillon::persistence {

/// One event or mark on its way into a store.
struct ImportItem {
  std::uint64_t line = 0;
  std::variant<ImportedEvent, ExportedMark> what;
};

enum class ImportOutcome : std::uint8_t {
  imported,
  known,         ///< its owner has the id, or the user a mark of that broadcast
  no_broadcast,  ///< a mark of what is no broadcast in the store
};

/// Where an import goes. One thread: begin(), put() as often as it takes, finish().
class ImportTarget {
 public:
  ImportTarget() = default;
  virtual ~ImportTarget() = default;
  ImportTarget(const ImportTarget&) = delete;
  ImportTarget& operator=(const ImportTarget&) = delete;

  /// True if the sequences of the file are kept.
  [[nodiscard]] virtual engine::Result<bool> begin(const ExportHeader& header) = 0;
  /// One outcome per item. Sequences are at most the header's.
  [[nodiscard]] virtual engine::Result<std::vector<ImportOutcome>> put(
      std::span<const ImportItem> items) = 0;
  /// Everything is durable when it returns.
  [[nodiscard]] virtual engine::Result<void> finish() = 0;
};

/// How a file's sequences become the store's: `sequence + offset`.
struct SequenceShift {
  engine::Sequence offset = 0;
  engine::Sequence reserved_until = 0;  ///< of the store, with room for the file's

  /// `known`: the offset that an earlier import of the same store was given; `empty`: the
  /// store holds no events; `reserved`: up to where it has reserved sequences. An error
  /// if there are not enough left.
  [[nodiscard]] static engine::Result<SequenceShift> choose(std::optional<engine::Sequence> known,
                                                            bool empty,
                                                            engine::Sequence reserved,
                                                            engine::Sequence last_of_file);
};

}  // namespace carillon::persistence
