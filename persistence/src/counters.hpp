#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// A row of counts, or what one commit adds to it: signed numbers of events per
/// status and severity, and the highest sequence among them.
///
/// Of the broadcasts (nil user): all there are. Of a user: its own events, plus
/// what its marks change about the broadcasts (one read: unread -1, read +1). So
/// a user's counts are the sum of both rows, whatever the number of broadcasts.
struct Counters {
  static constexpr std::size_t lane_count = engine::status_count * engine::severity_count;

  std::array<std::int64_t, lane_count> lanes{};
  engine::Sequence last = 0;

  [[nodiscard]] static constexpr std::size_t lane(engine::Status status,
                                                  engine::Severity severity) noexcept {
    return static_cast<std::size_t>(status) * engine::severity_count +
           static_cast<std::size_t>(severity);
  }
  [[nodiscard]] std::int64_t& at(engine::Status status, engine::Severity severity) noexcept {
    return lanes[lane(status, severity)];
  }
  /// As a count for readers: never below zero.
  [[nodiscard]] std::uint64_t count(engine::Status status,
                                    engine::Severity severity) const noexcept {
    const auto value = lanes[lane(status, severity)];
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  }
  void add(const Counters& other) noexcept;
};

/// Sparse: most additions touch one lane.
void append_counters(std::string& out, const Counters& counters);
/// Adds the encoded counters to `into`; false if the bytes make no sense.
[[nodiscard]] bool add_encoded(Counters& into, std::string_view encoded) noexcept;

/// The sum of both encoded ones behind `out`; false as above.
[[nodiscard]] bool add_counters(std::string& out, std::string_view a, std::string_view b);

/// A row of kinds: how many events, in the first lane of the same encoding.
inline constexpr std::size_t kind_lane = 0;

}  // namespace carillon::persistence
