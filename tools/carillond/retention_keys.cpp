#include "tools/carillond/retention_keys.hpp"

#include <array>

namespace carillon::carillond {
namespace {

constexpr std::uint64_t hour_ms = std::uint64_t{3'600} * 1'000;
constexpr std::uint64_t years_ms = 24 * 366 * 100 * hour_ms;  // a hundred
constexpr std::uint64_t bytes_max = std::uint64_t{1} << 50U;

constexpr std::array keys{
    Key{.name = "retention_age",
        .field = [](Config& config) -> Field { return &config.store.retention.age; },
        .help = "how long events are kept in the store. 0s: for ever",
        .type_name = "TIME",
        .max = years_ms,
        .live = true},
    Key{.name = "retention_events_per_user",
        .field = [](Config& config) -> Field { return &config.store.retention.events_per_user; },
        .help = "latest events of one user that the store keeps, and as many broadcasts. 0: all",
        .type_name = "N",
        .max = 1'000'000'000'000,
        .live = true},
    Key{.name = "retention_bytes",
        .field = [](Config& config) -> Field { return &config.store.retention.bytes; },
        .help = "all events in the store, before compression; beyond it the oldest leave. 0: no "
                "limit",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .max = bytes_max,
        .live = true},
    Key{.name = "purge_deleted_after",
        .field = [](Config& config) -> Field {
          return &config.store.retention.purge_deleted_after;
        },
        .help = "how long an event that its user deleted stays in the store, unseen. 0s: for ever",
        .type_name = "TIME",
        .max = years_ms,
        .live = true},
};

}  // namespace

std::span<const Key> retention_keys() {
  return keys;
}

}  // namespace carillon::carillond
