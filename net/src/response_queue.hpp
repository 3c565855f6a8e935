#pragma once

#include "carillon/engine/ids.hpp"
#include "net/src/batch_answer.hpp"
#include "net/src/line_results.hpp"
#include "net/src/response.hpp"
#include "net/src/router.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace carillon::net {

/// One request in flight: what its answer depends on, then the answer's bytes.
struct ResponseSlot {
  ResponseFrame frame;
  Endpoint endpoint = Endpoint::none;
  Family family = Family::schema;
  bool respond_async = false;          ///< publish: answer 202 once sequenced
  engine::EventId id;                  ///< of an action on one event
  std::unique_ptr<BatchAnswer> batch;  ///< of a batch: what came of it so far
  std::unique_ptr<LineResults> lines;  ///< of a stream: these leave as they are known
  bool ready = false;
  std::string bytes;
};

/// The requests in flight on one connection, in the order of their arrival.
/// Answers become ready in any order and leave in this one.
///
/// Bound   Grows to what is pushed and not popped; the connection stops parsing
///         at ServerOptions::pipelined_requests_max.
class ResponseQueue {
 public:
  /// Slot numbers wrap around here: far above any bound of requests in flight.
  static constexpr std::uint32_t number_bits = 20;
  static constexpr std::uint32_t number_mask = (1U << number_bits) - 1;

  /// Takes a slot at the end; its number stays valid until it is popped.
  [[nodiscard]] std::uint32_t push();
  /// Takes back the newest slot: its request became a stream.
  void pop_back() noexcept;
  /// The oldest slot, or null.
  [[nodiscard]] ResponseSlot* front() noexcept;
  [[nodiscard]] std::uint32_t front_number() const noexcept { return head_; }
  void pop_front() noexcept;

  /// Null if there is no such slot in flight.
  [[nodiscard]] ResponseSlot* find(std::uint32_t number) noexcept;
  [[nodiscard]] bool is_newest(std::uint32_t number) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

 private:
  void grow();
  [[nodiscard]] ResponseSlot& at(std::uint32_t number) noexcept {
    return ring_[number & (ring_.size() - 1)];
  }

  std::vector<ResponseSlot> ring_;  // its size is a power of two
  std::uint32_t head_ = 0;          // number of the oldest slot
  std::uint32_t count_ = 0;
};

}  // namespace carillon::net
