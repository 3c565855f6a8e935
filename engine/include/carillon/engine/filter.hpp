#pragma once

#include "carillon/engine/event.hpp"

#include <optional>
#include <string>
#include <vector>

namespace carillon::engine {

/// Which events somebody wants: one language for lists, live streams and bulk
/// actions. Fields are joined by AND, the values of one field by OR; an empty
/// field asks nothing. A value type, immutable once a subscription has it.
struct Filter {
  std::vector<std::string> categories{};  ///< compared byte by byte
  std::vector<std::string> actions{};     ///< compared byte by byte
  std::vector<Severity> severities{};     ///< any of these
  std::vector<Uuid> acted_upon{};         ///< resources that events are about
  std::vector<Uuid> system_ids{};         ///< systems that events come from
  std::vector<UserId> owners{};           ///< users that own events
  std::optional<Status> status{};         ///< read or unread
  std::string search{};                   ///< in the description, ASCII case ignored
  std::optional<Timestamp> from{};        ///< created at or after
  std::optional<Timestamp> to{};          ///< created before or at

  /// Whether no field asks for anything.
  [[nodiscard]] bool matches_everything() const noexcept;
  /// Whether the event passes, given the status that it has now.
  [[nodiscard]] bool matches(const EventView& event, Status status_now) const;
};

}  // namespace carillon::engine
