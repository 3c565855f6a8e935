#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace carillon::engine {

class EventPool;

namespace detail {
class EventPoolImpl;
struct EventAccess;
}  // namespace detail

/// Where events get their memory: blocks of a few fixed sizes, recycled.
///
/// Role      One per Broadcaster (`Broadcaster::pool()`); tests may make their own.
/// Threads   All methods: any thread. Construction, destruction: no event alive.
/// Bound     As much memory as events were alive at the busiest moment, plus what
///           the caches keep (a few hundred blocks per size and thread slot); it
///           is given back with the pool, not before.
/// Progress  Never blocks: a contended cache is skipped for the next or for malloc.
///           After warm-up it does not call malloc, but for events above 8 KiB.
class EventPool {
 public:
  EventPool();
  ~EventPool();
  EventPool(const EventPool&) = delete;
  EventPool& operator=(const EventPool&) = delete;

  /// Bytes in events alive. Racy, for metrics.
  [[nodiscard]] std::size_t bytes_in_use_approx() const noexcept;
  /// Blocks ever taken from malloc; flat in steady state. Racy, for metrics.
  [[nodiscard]] std::uint64_t blocks_allocated_approx() const noexcept;

 private:
  friend struct detail::EventAccess;
  friend class Event;
  std::unique_ptr<detail::EventPoolImpl> impl_;
};

}  // namespace carillon::engine
