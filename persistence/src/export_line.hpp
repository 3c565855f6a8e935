#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/persistence/store.hpp"
#include "carillon/persistence/transfer.hpp"

#include <optional>
#include <string>

namespace carillon::persistence {

/// The lines of an export (export-format.md), written.

inline constexpr std::uint64_t export_format = 1;

/// The first line.
struct ExportHeader {
  engine::Epoch epoch = 0;
  StoreIdentity identity{};
  engine::Sequence last_sequence = 0;  ///< no sequence of the export is above it
  std::optional<engine::UserId> only_user{};
};
[[nodiscard]] std::string header_line(const ExportHeader& header);

/// `json` is the event as the wire shows it, with its state.
[[nodiscard]] std::string event_line(std::string json, std::optional<engine::Sequence> change);

/// What a user made of a broadcast.
struct ExportedMark {
  engine::UserId user{};
  engine::EventId broadcast{};
  engine::EventState state{};
  std::optional<engine::Sequence> change{};
};
[[nodiscard]] std::string mark_line(const ExportedMark& mark);

/// The last line.
[[nodiscard]] std::string end_line(const TransferCounts& counts);

}  // namespace carillon::persistence
