#pragma once

#include "carillon/engine/change.hpp"
#include "net/src/error_envelope.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::net {

/// What the JSON body of a status change, a deletion or a configuration asks
/// for. Unknown members are ignored, but not inside `filter`: there a misspelt
/// one would change more events than meant.
struct ActionBody {
  std::optional<engine::Status> status;
  std::optional<std::vector<engine::EventId>> ids;
  std::optional<engine::Filter> filter;
  std::optional<engine::Position> up_to;
};

/// Which members an action needs.
struct ActionRules {
  bool status = false;  ///< `status` is required
  bool events = false;  ///< either `ids`, or `filter` with `upTo`
};

/// Reads `body`; faults carry the code of the answer (malformed_json or
/// invalid_body).
[[nodiscard]] ActionBody read_action(std::string_view body,
                                     ActionRules rules,
                                     engine::Epoch epoch,
                                     Faults& faults);

/// `{"eventLogLevel":"debug"}`, or as older Mesherys wrote it, `event_log_level`.
[[nodiscard]] std::string read_log_level(std::string_view body, Faults& faults);

/// `{"directory":"/…"}`: an absolute path on this machine.
[[nodiscard]] std::string read_directory(std::string_view body, Faults& faults);

}  // namespace carillon::net
