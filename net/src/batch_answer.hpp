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
/// gone. Mostly that is the next place, because one owner's acknowledgements come in the
/// order of its events; the others are searched for.
class BatchAnswer {
 public:
  /// In the order of the answer; before they are published.
  explicit BatchAnswer(std::span<const engine::NewEvent> events);

  // Once for each event.
  void add(const engine::Ack& ack);
  [[nodiscard]] bool is_complete() const noexcept { return due_ == 0; }
  /// Once it is complete.
  [[nodiscard]] Response response() const;

 private:
  [[nodiscard]] std::size_t find(const engine::Event* event);

  struct Place {
    const engine::Event* event = nullptr;
    engine::EventId id;
    engine::Sequence sequence = 0;
  };

  std::vector<Place> places_;
  std::vector<std::uint32_t> by_address_;  // places, ascending by their event's address; or empty
  std::size_t expected_ = 0;               // where the next Ack's place probably is
  std::size_t due_ = 0;
  std::size_t failed_ = 0;
  bool at_once_ = false;  // answered at sequencing, before the commit
};

}  // namespace carillon::net
