#pragma once

#include "tools/loadgen/load_run.hpp"

#include <string>

namespace carillon::loadgen {

/// Three lines at the foot of a terminal that are drawn over and over.
class LiveView {
 public:
  /// Draws on standard error if that is a terminal and `wanted`.
  explicit LiveView(bool wanted);
  /// Leaves the last picture standing.
  ~LiveView();
  LiveView(const LiveView&) = delete;
  LiveView& operator=(const LiveView&) = delete;

  void show(const Progress& progress);

 private:
  const bool shown_;
  bool drawn_ = false;
};

/// The picture, without what moves the cursor.
[[nodiscard]] std::string draw(const Progress& progress);

}  // namespace carillon::loadgen
