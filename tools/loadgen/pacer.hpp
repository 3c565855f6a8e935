#pragma once

#include "tools/loadgen/connection.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>

namespace carillon::loadgen {

/// Offers events at a fixed rate whatever the server does: the k-th is due at
/// the start plus k intervals, however late those before were.
///
/// Threads   The loop's thread.
class Pacer {
 public:
  /// Gets the event's number and when it was due; returns false to end.
  using Offer = std::function<bool(std::uint64_t number, std::int64_t due_ns)>;

  Pacer(Loop& loop, double rate, Offer offer);

  void start(std::int64_t at_ns);
  void stop();

  /// Offers that came more than a millisecond after they were due: then this process
  /// or its machine was late, whatever the server did.
  [[nodiscard]] std::uint64_t late() const { return late_; }
  [[nodiscard]] std::uint64_t offered() const { return number_; }
  [[nodiscard]] std::int64_t late_max_ns() const { return late_max_ns_; }

 private:
  [[nodiscard]] std::int64_t due_ns() const;
  void turn();

  boost::asio::steady_timer timer_;
  double interval_ns_;
  Offer offer_;
  std::int64_t start_ns_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t late_ = 0;
  std::int64_t late_max_ns_ = 0;
  bool running_ = false;
};

}  // namespace carillon::loadgen
