#include "tools/loadgen/meter.hpp"

#include "tools/loadgen/load_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace carillon::loadgen {

Meter::Meter(RunState& state) : state_{state} {
  if (state.options.pids.empty()) return;
  try {
    before_ = read_process_stats(state.options.pids);
  } catch (const std::runtime_error& error) {
    throw std::invalid_argument{error.what()};
  }
}

ProcessStats Meter::read_server() const {
  if (state_.options.pids.empty()) return {};
  try {
    return read_process_stats(state_.options.pids);
  } catch (const std::runtime_error& error) {
    throw Unreachable{fmt::format("the server ended during the run ({})", error.what())};
  }
}

void Meter::begin() {
  began_ns_ = sampled_ns_ = now_ns();
  sampled_server_ = connected_;
  sampled_own_cpu_s_ = own_cpu_s();
}

void Meter::open_window() {
  window_server_ = read_server();
  window_own_cpu_s_ = own_cpu_s();
  window_own_wait_s_ = own_wait_s();
  state_.recorder.open_window(now_ns());
}

void Meter::close_window() {
  auto& result = state_.result;
  const auto& recorder = state_.recorder;
  state_.recorder.close_window(now_ns());
  closed_ = true;
  result.window_s = recorder.window_s();
  result.own.cpu = (own_cpu_s() - window_own_cpu_s_) / result.window_s;
  result.own.wait = (own_wait_s() - window_own_wait_s_) / result.window_s;
  result.published_per_s = static_cast<double>(recorder.window_acknowledged()) / result.window_s;
  result.delivered_per_s = static_cast<double>(recorder.window_delivered()) / result.window_s;
  if (state_.options.pids.empty()) return;
  try {
    result.server = server_figures(read_server());
  } catch (const Unreachable&) {
    result.server_ended = true;
  }
}

ServerFigures Meter::server_figures(const ProcessStats& now) const {
  const auto& recorder = state_.recorder;
  ServerFigures server;
  server.processors = processors_of(state_.options.pids.front());
  server.cpu_s = now.cpu_s - window_server_.cpu_s;
  if (server.cpu_s > 0) {
    server.deliveries_per_cpu_s = static_cast<double>(recorder.window_delivered()) / server.cpu_s;
    server.publishes_per_cpu_s = static_cast<double>(recorder.window_acknowledged()) / server.cpu_s;
  }
  server.bytes_before = before_.resident_bytes;
  server.bytes_connected = connected_.resident_bytes;
  server.bytes_max = std::max(server_bytes_max_, now.resident_bytes);
  if (state_.result.connected > 0)
    server.bytes_per_connection = (static_cast<double>(connected_.anonymous_bytes) -
                                   static_cast<double>(before_.anonymous_bytes)) /
                                  static_cast<double>(state_.result.connected);
  return server;
}

void Meter::tick() {
  if (!began() || closed_) return;
  // Some hundred samples a run at most, some at least.
  const auto whole =
      std::chrono::nanoseconds{state_.options.warmup + state_.options.duration}.count();
  const auto interval = std::clamp<std::int64_t>(whole / 60, 100'000'000, 1'000'000'000);
  if (const auto now = now_ns(); now - sampled_ns_ >= interval) take_sample(now);
}

void Meter::take_sample(std::int64_t at_ns) {
  auto& result = state_.result;
  auto& latencies = state_.recorder.interval();
  const double seconds = static_cast<double>(at_ns - sampled_ns_) / 1e9;
  ProcessStats server = sampled_server_;
  try {
    server = read_server();
  } catch (const Unreachable&) {  // the end of the window tells
  }
  const double own = own_cpu_s();
  const auto per_second = [seconds](std::uint64_t count, std::uint64_t& last) {
    return static_cast<double>(count - std::exchange(last, count)) / seconds;
  };
  result.samples.push_back(
      {.at_s = static_cast<double>(at_ns - began_ns_) / 1e9,
       .published_per_s = per_second(result.acknowledged, sampled_acknowledged_),
       .delivered_per_s = per_second(result.delivered, sampled_delivered_),
       .p50_ms = latencies.at(0.5) / 1e6,
       .p99_ms = latencies.at(0.99) / 1e6,
       .server_cpu = (server.cpu_s - sampled_server_.cpu_s) / seconds,
       .own_cpu = (own - sampled_own_cpu_s_) / seconds,
       .server_bytes = server.resident_bytes});
  latencies.clear();
  server_bytes_max_ = std::max(server_bytes_max_, server.resident_bytes);
  sampled_ns_ = at_ns;
  sampled_server_ = server;
  sampled_own_cpu_s_ = own;
}

}  // namespace carillon::loadgen
