#pragma once

#include "carillon/engine/event_parser.hpp"
#include "net/src/response.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace carillon::net {

struct BatchLimits {
  std::size_t events_max = 0;
  std::size_t event_bytes_max = 0;  ///< of each event's text
};

/// A batch's events in their order, or the answer that says why there are none.
struct BatchBody {
  std::vector<engine::NewEvent> events{};
  std::optional<Response> refusal{};
};

/// Reads a JSON array of events. A fault of one event refuses all; every fault is
/// reported with the index of its event (`[3].severity`), up to a hundred.
[[nodiscard]] BatchBody read_batch(std::string_view body,
                                   engine::EventParser& parser,
                                   const engine::Publisher& publisher,
                                   const BatchLimits& limits);

}  // namespace carillon::net
