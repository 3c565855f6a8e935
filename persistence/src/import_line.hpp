#pragma once

#include "carillon/engine/event_parser.hpp"
#include "carillon/engine/event_pool.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/export_line.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <variant>

namespace carillon::persistence {

/// An event of an export, and what it was in the store that it comes from.
struct ImportedEvent {
  engine::NewEvent event;
  engine::Sequence sequence = 0;
  engine::Timestamp created_at{};
  engine::EventState state{};
  std::optional<engine::Sequence> change{};

  /// It is not as it was published any more.
  [[nodiscard]] bool changed() const noexcept {
    return change || state.deleted_at || state.updated_at != created_at;
  }
  /// Its fields, with the sequence that it shall have. Valid as long as this.
  [[nodiscard]] engine::EventView view(engine::Sequence as) const;
};

using ImportLine = std::variant<ExportHeader, ImportedEvent, ExportedMark, TransferCounts>;

/// Reads the lines of an export; events by the rules for what publishers send.
///
/// Threads   One. What was read must end before its reader.
class ImportReader {
 public:
  ImportReader();
  ~ImportReader();
  ImportReader(const ImportReader&) = delete;
  ImportReader& operator=(const ImportReader&) = delete;

  /// invalid_argument with what is wrong with the line.
  [[nodiscard]] engine::Result<ImportLine> read(std::string_view line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::persistence
