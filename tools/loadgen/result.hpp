#pragma once

#include "bench/histogram.hpp"
#include "tools/loadgen/options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace carillon::loadgen {

/// What an interval of the run gave, for plots over time.
struct Sample {
  double at_s = 0.0;  ///< its end, since publishing began
  double published_per_s = 0.0;
  double delivered_per_s = 0.0;
  double p50_ms = 0.0;  ///< of deliveries; of answers if nobody subscribes
  double p99_ms = 0.0;
  double server_cpu = 0.0;  ///< share of one processor
  double own_cpu = 0.0;
  std::uint64_t server_bytes = 0;
};

/// What the receivers' checks found, summed over receivers.
struct Faults {
  std::uint64_t unexplained_gaps = 0;   ///< events that were acknowledged and did not come
  std::uint64_t told_gaps = 0;          ///< the server had said so, or had ended the stream
  std::uint64_t uncertain = 0;          ///< did not come, but were never acknowledged either
  std::uint64_t refused_delivered = 0;  ///< came, though the answer had been an error
  std::uint64_t duplicates = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t foreign = 0;
  std::uint64_t misnumbered = 0;         ///< the server's sequence did not ascend at a receiver
  std::uint64_t disagreed = 0;           ///< receivers heard one event under two names
  std::uint64_t order_disagreed = 0;     ///< receivers with another order than others of the user
  std::uint64_t order_compared = 0;      ///< receivers; no fault
  std::uint64_t order_not_compared = 0;  ///< receivers that heard other events than all others
  std::vector<std::string> examples{};   ///< the first few, in words

  [[nodiscard]] bool any() const {
    return unexplained_gaps + refused_delivered + duplicates + out_of_order + foreign +
               misnumbered + disagreed + order_disagreed >
           0;
  }
};

struct ServerFigures {
  unsigned processors = 0;  ///< that it may use
  double cpu_s = 0.0;       ///< in the window
  double deliveries_per_cpu_s = 0.0;
  double publishes_per_cpu_s = 0.0;
  std::uint64_t bytes_before = 0;  ///< resident, before the first connection
  std::uint64_t bytes_connected = 0;
  std::uint64_t bytes_max = 0;        ///< of the samples
  double bytes_per_connection = 0.0;  ///< by anonymous memory
};

/// The load generator about itself.
struct OwnFigures {
  double cpu = 0.0;              ///< share of the one processor that it can use
  double wait = 0.0;             ///< share of the time in which it was ready and had no processor
  std::uint64_t late_sends = 0;  ///< offered over a millisecond after their time
  double late_max_ms = 0.0;
  std::vector<std::string> bottleneck{};  ///< why its figures are about itself; empty: they are not
  std::vector<std::string> disturbed{};   ///< how the machine was late while it had time left
};

/// Everything that a run found out.
struct Result {
  std::string started;    ///< RFC 3339
  double window_s = 0.0;  ///< measured, after the warm-up
  bool interrupted = false;

  std::uint64_t connected = 0;
  std::uint64_t connections_lost = 0;  ///< subscriptions, not by us
  std::uint64_t publishers_lost = 0;
  std::uint64_t still_away = 0;  ///< cut by us, and not back at the end
  std::uint64_t cuts = 0;        ///< by us
  std::uint64_t resumed = 0;     ///< subscribed again after a cursor
  double connect_s = 0.0;
  std::string first_end;  ///< why the first of the lost ones ended

  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t not_sent = 0;  ///< waited for an answer until the end
  unsigned first_refusal = 0;  ///< its status
  std::uint64_t expected = 0;  ///< deliveries, of all that was acknowledged
  std::uint64_t delivered = 0;
  double published_per_s = 0.0;  ///< acknowledged, in the window
  double delivered_per_s = 0.0;

  bench::Histogram delivery_ns;
  bench::Histogram answer_ns;
  bench::Histogram connect_ns;

  Faults faults;
  std::vector<std::string> shortfalls{};  ///< why this was not the run that was asked for
  bool server_ended = false;              ///< a process of --pid was gone at the window's end
  std::optional<ServerFigures> server;
  OwnFigures own;
  std::string saturated;  ///< server, loadgen, both, neither; empty without --pid
  std::vector<Sample> samples;
};

/// One JSON object; what `--json` writes and `report` reads.
[[nodiscard]] std::string to_json(const Options& options, const Result& result);
/// Some lines for people.
[[nodiscard]] std::string to_text(const Options& options, const Result& result);

}  // namespace carillon::loadgen
