#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/event_pool.hpp"

#include <cstdint>
#include <string_view>

namespace carillon::engine::detail {

/// What an event is made of. The texts are JSON already: `description_json` is
/// what stands between the quotes, `metadata_json` a minified object.
struct EventParts {
  EventId id;
  UserId owner;
  Uuid system_id;
  Uuid operation_id;
  Uuid acted_upon;
  std::string_view category;
  std::string_view action;
  std::string_view description_json;
  std::string_view metadata_json = "{}";
  Severity severity = Severity::informational;
  Status status = Status::unread;
  Audience audience = Audience::user;
  bool id_from_publisher = false;
};

/// The engine's own way into Event: building, sequencing, acknowledging.
/// Only whoever owns the event alone (its builder, then its shard) writes.
struct EventAccess {
  [[nodiscard]] static NewEvent create(EventPool& pool, const EventParts& parts);

  /// Gives the event its place and time, and completes its JSON.
  static void sequence(Event& event, Sequence sequence, Timestamp at) noexcept;

  /// Drops `references` at once; the block goes back to its pool with the last.
  static void release(const Event* event, std::uint32_t references) noexcept {
    event->release(references);
  }

  [[nodiscard]] static Event* take(NewEvent& event) noexcept {
    return const_cast<Event*>(event.event_.detach());
  }
  [[nodiscard]] static NewEvent give_back(Event* event) noexcept { return NewEvent{event}; }

  static void set_ack(Event& event, const AckRequest& ack) noexcept {
    event.ack_sink_ = ack.sink;
    event.ack_token_ = ack.token;
    event.ack_at_sequencing_ = ack.at == AckAt::sequencing;
  }
  [[nodiscard]] static AckRequest ack_of(const Event& event) noexcept {
    return {.sink = event.ack_sink_,
            .token = event.ack_token_,
            .at = event.ack_at_sequencing_ ? AckAt::sequencing : AckAt::durability};
  }
  [[nodiscard]] static bool id_from_publisher(const Event& event) noexcept {
    return event.id_from_publisher_;
  }
  static void set_claimed(Event& event) noexcept { event.claimed_ = true; }
  [[nodiscard]] static bool claimed(const Event& event) noexcept { return event.claimed_; }
};

}  // namespace carillon::engine::detail
