#pragma once

#include "tools/loadgen/result.hpp"

#include <cstdint>
#include <limits>

namespace carillon::loadgen {

/// Counts and latencies while a run goes on. Latency is counted from the time at
/// which an event should have been sent, and belongs to the window in which that
/// time lies; throughput to the window in which it came.
class Recorder {
 public:
  explicit Recorder(Result& result) : result_{result} {}

  void open_window(std::int64_t at_ns) { begin_ns_ = at_ns; }
  void close_window(std::int64_t at_ns) { end_ns_ = at_ns; }
  [[nodiscard]] bool open() const { return begin_ns_ != never && end_ns_ == never; }
  [[nodiscard]] double window_s() const { return static_cast<double>(end_ns_ - begin_ns_) / 1e9; }

  void delivered(std::int64_t intended_ns, std::int64_t at_ns) {
    ++result_.delivered;
    if (open()) ++window_delivered_;
    if (within(intended_ns)) result_.delivery_ns.add(at_ns - intended_ns);
    interval_.add(at_ns - intended_ns);
  }
  void acknowledged(std::int64_t intended_ns, std::int64_t at_ns, bool interval) {
    ++result_.acknowledged;
    if (open()) ++window_acknowledged_;
    if (within(intended_ns)) result_.answer_ns.add(at_ns - intended_ns);
    if (interval) interval_.add(at_ns - intended_ns);
  }

  [[nodiscard]] std::uint64_t window_delivered() const { return window_delivered_; }
  [[nodiscard]] std::uint64_t window_acknowledged() const { return window_acknowledged_; }
  /// Latencies since the last sample.
  [[nodiscard]] bench::Histogram& interval() { return interval_; }

 private:
  static constexpr auto never = std::numeric_limits<std::int64_t>::max();

  [[nodiscard]] bool within(std::int64_t intended_ns) const {
    return intended_ns >= begin_ns_ && intended_ns < end_ns_;
  }

  Result& result_;
  std::int64_t begin_ns_ = never;
  std::int64_t end_ns_ = never;
  std::uint64_t window_delivered_ = 0;
  std::uint64_t window_acknowledged_ = 0;
  bench::Histogram interval_;
};

}  // namespace carillon::loadgen
