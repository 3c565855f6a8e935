#pragma once

#include "tools/loadgen/process_stats.hpp"
#include "tools/loadgen/run_state.hpp"

#include <cstdint>

namespace carillon::loadgen {

/// Reads processors and memory, of the server and of this process, and turns
/// counts into figures: once for the window, and in samples for plots.
///
/// Threads   The loop's thread.
class Meter {
 public:
  /// Reads the server before the first connection. Throws std::invalid_argument
  /// if there is no such process.
  explicit Meter(RunState& state);

  /// All subscriptions stand.
  void connected() { connected_ = read_server(); }
  /// Publishing begins; samples count from here.
  void begin();
  [[nodiscard]] bool began() const { return began_ns_ > 0; }
  [[nodiscard]] double since_begin_s() const {
    return static_cast<double>(now_ns() - began_ns_) / 1e9;
  }
  void open_window();
  /// A server that is gone has no figures; the result says so.
  void close_window();
  /// Takes a sample if it is time: until the window is closed.
  void tick();

 private:
  [[nodiscard]] ProcessStats read_server() const;
  [[nodiscard]] ServerFigures server_figures(const ProcessStats& now) const;
  void take_sample(std::int64_t at_ns);

  RunState& state_;
  std::int64_t began_ns_ = 0;
  ProcessStats before_;
  ProcessStats connected_;
  ProcessStats window_server_;
  double window_own_cpu_s_ = 0.0;
  double window_own_wait_s_ = 0.0;
  bool closed_ = false;

  // Of the last sample.
  std::int64_t sampled_ns_ = 0;
  ProcessStats sampled_server_;
  double sampled_own_cpu_s_ = 0.0;
  std::uint64_t sampled_acknowledged_ = 0;
  std::uint64_t sampled_delivered_ = 0;
  std::uint64_t server_bytes_max_ = 0;
};

}  // namespace carillon::loadgen
