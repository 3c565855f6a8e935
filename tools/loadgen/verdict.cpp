#include "tools/loadgen/verdict.hpp"

#include "tools/loadgen/order_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace carillon::loadgen {
namespace {

constexpr std::size_t examples_max = 5;
constexpr double busy_max = 0.9;
constexpr double wait_max = 0.1;
constexpr double late_share_max = 0.01;

std::uint64_t count_within(const std::vector<std::uint64_t>& numbers,
                           const SequenceCheck::Range& range) {
  return static_cast<std::uint64_t>(std::count_if(
      numbers.begin(), numbers.end(),
      [&range](std::uint64_t number) { return range.first <= number && number < range.end; }));
}

void add_gap(Faults& faults,
             std::size_t receiver,
             const Stream& stream,
             const SequenceCheck::Range& range) {
  const auto gap = split_gap(range, stream);
  faults.uncertain += gap.unanswered;
  (range.told ? faults.told_gaps : faults.unexplained_gaps) += gap.acknowledged;
  if (range.told || gap.acknowledged == 0 || faults.examples.size() >= examples_max) return;
  faults.examples.push_back(fmt::format(
      "subscriber {} of user {} did not get events {} to {} of publisher {} ({} of "
      "them acknowledged)",
      receiver, stream.user_id, range.first, range.end - 1, stream.index, gap.acknowledged));
}

void add_refused_delivered(Faults& faults,
                           std::size_t receiver,
                           const Stream& stream,
                           const std::vector<std::uint64_t>& numbers) {
  faults.refused_delivered += numbers.size();
  if (numbers.empty() || faults.examples.size() >= examples_max) return;
  faults.examples.push_back(
      fmt::format("subscriber {} of user {} got event {} of publisher {}, which the server had "
                  "refused ({} of its refused events came)",
                  receiver, stream.user_id, numbers.front(), stream.index, numbers.size()));
}

void add_orders(Faults& faults, const std::vector<std::unique_ptr<Receiver>>& receivers) {
  std::vector<HeardOrder> orders;
  std::vector<std::size_t> numbers;
  for (std::size_t number = 0; number < receivers.size(); ++number) {
    const auto* trail = receivers[number]->order();
    if (trail == nullptr) continue;
    orders.push_back({receivers[number]->user(), *trail});
    numbers.push_back(number);
  }
  const auto result = compare_orders(orders);
  faults.order_compared = result.compared;
  faults.order_not_compared = result.not_compared;
  faults.order_disagreed = result.different.size();
  if (result.different.empty() || faults.examples.size() >= examples_max) return;
  faults.examples.push_back(
      fmt::format("subscriber {} heard the events of different publishers in another order than "
                  "others of its user",
                  numbers[result.different.front()]));
}

}  // namespace

GapSplit split_gap(const SequenceCheck::Range& range, const Stream& stream) {
  GapSplit split;
  split.refused = count_within(stream.refused, range);
  split.unanswered = count_within(stream.unanswered, range);
  split.acknowledged = range.count() - split.refused - split.unanswered;
  return split;
}

std::vector<std::uint64_t> find_refused_delivered(
    const std::vector<std::uint64_t>& refused, const std::vector<SequenceCheck::Range>& missing) {
  std::vector<std::uint64_t> came;
  for (const auto number : refused) {
    const auto behind =
        std::upper_bound(missing.begin(), missing.end(), number,
                         [](std::uint64_t value, const auto& range) { return value < range.end; });
    if (behind == missing.end() || number < behind->first) came.push_back(number);
  }
  return came;
}

Faults find_faults(const std::vector<std::unique_ptr<Receiver>>& receivers,
                   const std::vector<Stream>& streams) {
  std::multimap<std::uint32_t, const Stream*> by_user;
  for (const auto& stream : streams)
    by_user.emplace(stream.user, &stream);

  Faults faults;
  for (std::size_t number = 0; number < receivers.size(); ++number) {
    const auto& receiver = *receivers[number];
    const auto [begin, end] = by_user.equal_range(receiver.user());
    for (auto at = begin; at != end; ++at) {
      const auto& stream = *at->second;
      const auto missing = receiver.check(stream.index).missing(stream.sent, receiver.closed());
      for (const auto& range : missing)
        add_gap(faults, number, stream, range);
      add_refused_delivered(faults, number, stream,
                            find_refused_delivered(stream.refused, missing));
    }
    faults.duplicates += receiver.faults().duplicates;
    faults.out_of_order += receiver.faults().out_of_order;
    faults.foreign += receiver.faults().foreign;
    faults.misnumbered += receiver.faults().misnumbered;
    faults.disagreed += receiver.faults().disagreed;
  }
  add_orders(faults, receivers);
  return faults;
}

bool at_its_end(const OwnFigures& own) {
  return own.cpu + own.wait > busy_max;
}

std::string find_saturated(const ServerFigures& server, double window_s, const OwnFigures& own) {
  const bool server_busy = server.cpu_s > busy_max * window_s * std::max(server.processors, 1U);
  if (server_busy) return at_its_end(own) ? "both" : "server";
  return at_its_end(own) ? "loadgen" : "neither";
}

void judge(OwnFigures& own, std::uint64_t offered) {
  const double late =
      offered == 0 ? 0.0 : static_cast<double>(own.late_sends) / static_cast<double>(offered);
  const auto late_text =
      fmt::format("{:.1f} % of the events were sent over 1 ms late (at most {:.1f} ms)", late * 100,
                  own.late_max_ms);
  if (at_its_end(own)) {
    own.bottleneck.push_back(fmt::format(
        "its thread was busy {:.0f} % of the time and ready without a processor {:.0f} %: the "
        "server might have done more",
        own.cpu * 100, own.wait * 100));
    if (late > late_share_max)
      own.bottleneck.push_back(late_text + ": latencies hold its own delay");
    return;
  }
  if (own.wait > wait_max)
    own.disturbed.push_back(fmt::format(
        "the load generator was ready {:.0f} % of the time and had no processor: give it one of "
        "its own",
        own.wait * 100));
  if (late > late_share_max)
    own.disturbed.push_back(
        late_text +
        " although the load generator had processor time left: other processes or the timer held "
        "it up, or what came in bursts; latencies hold this delay");
}

}  // namespace carillon::loadgen
