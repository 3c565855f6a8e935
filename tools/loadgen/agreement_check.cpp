#include "tools/loadgen/agreement_check.hpp"

#include <functional>

namespace carillon::loadgen {

std::size_t AgreementCheck::HashEvent::operator()(const Event& event) const noexcept {
  // Each factor is odd and has its bits spread; numbers are small and dense.
  return event.number * 0x9E3779B97F4A7C15U + event.user * 0xC2B2AE3D27D4EB4FU +
         event.stream * 0x165667B19E3779F9U;
}

bool AgreementCheck::take(const Stamp& stamp, std::string_view id, std::uint64_t sequence) {
  const Names names{.id = std::hash<std::string_view>{}(id), .sequence = sequence};
  const auto [known, first] = events_.try_emplace(
      {.user = stamp.user, .stream = stamp.stream, .number = stamp.number}, names);
  if (!first) return known->second == names;
  const bool new_id = ids_.insert(names.id).second;
  return sequences_.insert(names.sequence).second && new_id;
}

}  // namespace carillon::loadgen
