#pragma once

#include "tools/loadgen/stamp.hpp"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace carillon::loadgen {

/// Checks over all receivers that an event has one id and one sequence whoever
/// hears it, and that no two events share either. Ids are kept as 64-bit hashes,
/// some 100 bytes an event in all.
class AgreementCheck {
 public:
  /// False if this contradicts what was heard before.
  [[nodiscard]] bool take(const Stamp& stamp, std::string_view id, std::uint64_t sequence);

 private:
  struct Event {
    std::uint32_t user;
    std::uint32_t stream;
    std::uint64_t number;
    bool operator==(const Event&) const = default;
  };
  struct HashEvent {
    std::size_t operator()(const Event& event) const noexcept;
  };
  struct Names {
    std::uint64_t id;
    std::uint64_t sequence;
    bool operator==(const Names&) const = default;
  };

  std::unordered_map<Event, Names, HashEvent> events_;
  std::unordered_set<std::uint64_t> ids_;
  std::unordered_set<std::uint64_t> sequences_;
};

}  // namespace carillon::loadgen
