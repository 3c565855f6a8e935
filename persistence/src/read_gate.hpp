#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace carillon::persistence {

/// Lets many readers in, and one thread shut them out for a moment.
///
/// Role      Around a RocksStore's database, which is opened anew after a failed
///           write. (A std::shared_mutex would let steady readers starve it.)
/// Threads   Pass: any thread. Closure: one at a time.
/// Order     None among readers.
/// Bound     A reader waits for one reopening at most, a closure for the reads
///           under way.
/// Progress  Both sides block.
/// Lifetime  Outlives every pass and closure.
/// Invariant No pass exists while a closure does.
class ReadGate {
 public:
  class Pass {
   public:
    explicit Pass(ReadGate& gate) : gate_{gate} {
      std::unique_lock lock{gate_.mutex_};
      gate_.changed_.wait(lock, [this] { return !gate_.closed_; });
      ++gate_.readers_;
    }
    ~Pass() {
      const std::lock_guard lock{gate_.mutex_};
      if (--gate_.readers_ == 0 && gate_.closed_) gate_.changed_.notify_all();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    ReadGate& gate_;
  };

  class Closure {
   public:
    explicit Closure(ReadGate& gate) : gate_{gate} {
      std::unique_lock lock{gate_.mutex_};
      gate_.closed_ = true;
      gate_.changed_.wait(lock, [this] { return gate_.readers_ == 0; });
    }
    ~Closure() {
      const std::lock_guard lock{gate_.mutex_};
      gate_.closed_ = false;
      gate_.changed_.notify_all();
    }
    Closure(const Closure&) = delete;
    Closure& operator=(const Closure&) = delete;

   private:
    ReadGate& gate_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t readers_ = 0;
  bool closed_ = false;
};

}  // namespace carillon::persistence
