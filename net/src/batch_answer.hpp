#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "carillon/engine/event.hpp"
#include "net/src/response.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace carillon::net {

/// Collects what became of a batch's events, until it can be answered. Holds no event:
/// an Ack finds its place by its event's address, which is its own until the Ack is
/// gone.
class BatchAnswer {
 public:
  /// In the order of the answer; before they are published.
  explicit BatchAnswer(std::span<const engine::NewEvent> events);

  void add(const engine::Ack& ack);
  [[nodiscard]] bool is_complete() const noexcept { return due_ == 0; }
  /// Once it is complete.
  [[nodiscard]] Response response() const;

 private:
  struct Place {
    const engine::Event* event = nullptr;
    engine::EventId id;
    engine::Sequence sequence = 0;
  };

  std::vector<Place> places_;
  std::vector<std::uint32_t> by_address_;  // places, ascending by their event's address
  std::size_t due_ = 0;
  std::size_t failed_ = 0;
  bool at_once_ = false;  // answered at sequencing, before the commit
};

}  // namespace carillon::net
