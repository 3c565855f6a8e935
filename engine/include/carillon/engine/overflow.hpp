#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/filter.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

namespace carillon::engine {

/// What happens at the bound of a subscription's queue, while its consumer is
/// behind. The shard and all other subscriptions never notice.
enum class Overflow : std::uint8_t {
  /// The subscription ends: what is queued, then the end with the position to
  /// resume from. For consumers that need every event.
  close,
  /// New events are skipped until the consumer takes what is queued; a Gap stands
  /// in their place. For consumers that want to stay live.
  drop,
  /// Conflates: a newer event takes the place of the queued one with the same
  /// key. When even distinct keys exceed the bound, those that find no room are
  /// skipped as `drop` does. For consumers that want each thing's latest state.
  latest,
};

/// What makes two events states of one thing, for Overflow::latest.
///
///   ConflationKey::of([](const Event& event) { return event.acted_upon(); })
///
/// The events themselves are compared, so nothing collides and no key is kept.
/// Called on the shard's thread; must not block or throw, and must give the same
/// key for the same event every time.
class ConflationKey {
 public:
  ConflationKey() = default;

  /// `key(event)` is anything with std::hash and `==`; it may refer into the event.
  template <class Key>
  [[nodiscard]] static ConflationKey of(Key key) {
    ConflationKey made;
    made.hash_ = [key](const Event& event) -> std::uint64_t {
      const auto value = key(event);
      return std::hash<std::remove_cvref_t<decltype(value)>>{}(value);
    };
    made.same_ = [key = std::move(key)](const Event& one, const Event& other) {
      return key(one) == key(other);
    };
    return made;
  }

  /// Whether there is a key.
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(hash_); }
  /// Of the event's key.
  [[nodiscard]] std::uint64_t hash(const Event& event) const { return hash_(event); }
  /// Whether both have the same key.
  [[nodiscard]] bool same(const Event& one, const Event& other) const { return same_(one, other); }

 private:
  std::function<std::uint64_t(const Event&)> hash_{};
  std::function<bool(const Event&, const Event&)> same_{};
};

/// The queue of one subscription.
struct QueueOptions {
  /// Bytes of events (Event::footprint_bytes, plus a constant for each) that wait
  /// until the consumer takes them, which it does all at once: what it took and has
  /// not used yet, at most as much again, comes on top. An event that is larger than
  /// this passes alone.
  std::size_t bytes_max = std::size_t{1} << 20U;
  Overflow overflow = Overflow::close;  ///< what happens at the bound
  ConflationKey key{};                  ///< required for Overflow::latest, else not used
  Filter filter{};                      ///< what is not wanted is never queued
};

}  // namespace carillon::engine
