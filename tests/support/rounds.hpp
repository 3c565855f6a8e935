#pragma once

#include <chrono>

namespace carillon::testing {

/// The rounds of a test in which two threads meet again and again, each round at another
/// moment: as many as it says, or what a machine does in the time, so that one that takes
/// milliseconds for a change of threads proves less instead of being killed. Of one thread.
class Rounds {
 public:
  explicit Rounds(int most) : most_{most} {}

  /// True as often as another round is to be done.
  bool next() {
    if (done_ == most_) return false;
    // Not each time: looking takes as long as a round.
    constexpr int rounds_between_looks = 64;
    if (++done_ % rounds_between_looks == 0 && Clock::now() > end_) return false;
    return true;
  }
  /// The one that next() allowed, from 0.
  [[nodiscard]] int number() const { return done_ - 1; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds time{20};

  const int most_;
  const Clock::time_point end_ = Clock::now() + time;
  int done_ = 0;
};

}  // namespace carillon::testing
