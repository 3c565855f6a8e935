#pragma once

#include "net/src/net_context.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace carillon::net {

/// What a listener does when the process has no descriptor left: it gives up one
/// that it kept for this, accepts with it, answers 503, and closes; else clients
/// would wait in the kernel's backlog for an answer that does not come.
///
/// Role      One per Listener, which then pauses, so that nothing spins.
/// Threads   The listener's only.
/// Bound     One descriptor; `answers_max` answers a call; one log line per
///           `log_interval`.
class AcceptExhaustion {
 public:
  explicit AcceptExhaustion(NetContext& net);
  ~AcceptExhaustion();
  AcceptExhaustion(const AcceptExhaustion&) = delete;
  AcceptExhaustion& operator=(const AcceptExhaustion&) = delete;

  /// Accepting on `listening` failed with `ec`, and not because of one connection.
  void on_failed_accept(const error_code& ec, int listening);

 private:
  [[nodiscard]] std::size_t refuse_waiting(int listening);
  void log(const error_code& ec, std::size_t refused);

  NetContext& net_;
  int spare_ = -1;
  std::size_t refused_unlogged_ = 0;
  std::optional<std::chrono::steady_clock::time_point> logged_at_;
};

}  // namespace carillon::net
