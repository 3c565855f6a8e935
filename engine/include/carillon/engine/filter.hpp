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
  std::vector<std::string> categories{};
  std::vector<std::string> actions{};
  std::vector<Severity> severities{};
  std::vector<Uuid> acted_upon{};
  std::vector<Uuid> system_ids{};
  std::vector<UserId> owners{};
  std::optional<Status> status{};
  std::string search{};             ///< in the description, ASCII case ignored
  std::optional<Timestamp> from{};  ///< created at or after
  std::optional<Timestamp> to{};    ///< created before or at

  [[nodiscard]] bool matches_everything() const noexcept;
  [[nodiscard]] bool matches(const EventView& event, Status status_now) const;
};

}  // namespace carillon::engine
