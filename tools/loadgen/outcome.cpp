#include "tools/loadgen/outcome.hpp"

#include <fmt/format.h>

namespace carillon::loadgen {
namespace {

bool found_fault(const Options& options, const Result& result) {
  if (options.scenario != Scenario::fanout && options.scenario != Scenario::verify) return false;
  // Who comes back with a cursor must get what was missed, not the news that it is gone.
  const bool incomplete = options.cut_rate > 0 && result.faults.told_gaps > 0;
  return result.faults.any() || incomplete;
}

// Not so if the user ended the run: what was under way then is nobody's failure. Nor if a
// rate was beyond the server: what waited until the end is what was measured.
bool server_failed(const Result& result) {
  const auto lost = result.connections_lost + result.publishers_lost + result.still_away;
  return lost > 0 || result.server_ended || (!result.interrupted && result.unanswered > 0);
}

}  // namespace

std::vector<std::string> find_shortfalls(const Options& options, const Result& result) {
  std::vector<std::string> reasons;
  const auto add = [&reasons](std::uint64_t count, const std::string& text) {
    if (count > 0) reasons.push_back(fmt::format("{} {}", count, text));
  };
  if (result.interrupted) reasons.emplace_back("it was interrupted");
  if (result.server_ended) reasons.emplace_back("the server's process ended");
  add(result.connections_lost, fmt::format("subscriptions were lost ({})", result.first_end));
  add(result.still_away, "subscribers had not come back at the end");
  add(result.publishers_lost, fmt::format("of {} publishing connections were lost ({})",
                                          options.connections, result.first_end));
  add(result.unanswered, "events were sent and never answered");
  add(result.not_sent, "events were due and not sent");
  const auto due = result.sent + result.not_sent;
  if (options.scenario == Scenario::verify && due < options.events)
    add(options.events - due,
        fmt::format("of {} events were not due before the end of --duration", options.events));
  return reasons;
}

int exit_code_of(const Options& options, const Result& result) {
  if (found_fault(options, result)) return exit_fault;
  const bool nothing = options.scenario != Scenario::idle && result.acknowledged == 0;
  if (nothing && result.shortfalls.empty()) return exit_unreachable;
  const bool worthless = nothing || options.scenario == Scenario::verify || server_failed(result);
  return worthless && !result.shortfalls.empty() ? exit_incomplete : exit_success;
}

}  // namespace carillon::loadgen
