#include "tools/loadgen/pacer.hpp"

#include <algorithm>
#include <utility>

namespace carillon::loadgen {

constexpr std::int64_t late_ns = 1'000'000;

Pacer::Pacer(Loop& loop, double rate, Offer offer)
    : timer_{loop.io}, interval_ns_{1e9 / rate}, offer_{std::move(offer)} {
}

void Pacer::start(std::int64_t at_ns) {
  start_ns_ = at_ns;
  running_ = true;
  turn();
}

void Pacer::stop() {
  running_ = false;
  timer_.cancel();
}

std::int64_t Pacer::due_ns() const {
  return start_ns_ + static_cast<std::int64_t>(interval_ns_ * static_cast<double>(number_));
}

void Pacer::turn() {
  // Bounded, so that what arrives is read even when sending can't keep up.
  for (int count = 0; count < 64 && running_; ++count) {
    const auto due = due_ns();
    const auto lateness = now_ns() - due;
    if (lateness < 0) break;
    late_max_ns_ = std::max(late_max_ns_, lateness);
    if (lateness > late_ns) ++late_;
    if (!offer_(number_++, due)) running_ = false;
  }
  if (!running_) return;
  timer_.expires_at(Clock::time_point{std::chrono::nanoseconds{due_ns()}});
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && running_) turn();
  });
}

}  // namespace carillon::loadgen
