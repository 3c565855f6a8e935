#include "tools/loadgen/live_view.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>

namespace carillon::loadgen {

constexpr std::size_t bar_width = 40;
// Each line is cleared to its end, so that a longer one before leaves no rest.
constexpr const char* clear_rest = "\x1b[K";

std::string draw(const Progress& progress) {
  const auto full = static_cast<std::size_t>(progress.done * static_cast<double>(bar_width));
  const auto& last = progress.last;
  return fmt::format(
      "{0:<12}[{1}{2}] {3:3.0f} %  {4} of {5} subscribed{9}\n"
      "{10:<12}published {6:.0f}/s  delivered {7:.0f}/s{9}\n"
      "{10:<12}p50 {8:.2f} ms  p99 {11:.2f} ms  CPU: server {12:.0f} %, loadgen {13:.0f} %{9}\n",
      progress.phase, std::string(full, '='), std::string(bar_width - full, ' '),
      progress.done * 100, progress.connected, progress.connections, last.published_per_s,
      last.delivered_per_s, last.p50_ms, clear_rest, "", last.p99_ms, last.server_cpu * 100,
      last.own_cpu * 100);
}

LiveView::LiveView(bool wanted) : shown_{wanted && isatty(STDERR_FILENO) == 1} {
}

LiveView::~LiveView() {
  if (drawn_) std::fflush(stderr);
}

void LiveView::show(const Progress& progress) {
  if (!shown_) return;
  const auto picture = (drawn_ ? "\x1b[3A" : "") + draw(progress);
  drawn_ = true;
  std::fputs(picture.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace carillon::loadgen
