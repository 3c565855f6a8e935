#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/event_pool.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::engine::detail {

class BlockCache;

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

/// Everything of an event but its id and operation, encoded and checked, to be
/// copied. The view's texts and `metadata` are places in `body`.
struct PreparedEvent {
  std::string body;
  EventView view;
  std::string_view metadata_json;
  bool id_from_publisher = false;
};

/// Encodes `parts` once; ids that change later are written over.
void prepare(PreparedEvent& prepared, const EventParts& parts);
void set_owner(PreparedEvent& prepared, const UserId& owner) noexcept;
void set_system(PreparedEvent& prepared, const Uuid& system_id) noexcept;
void set_acted_upon(PreparedEvent& prepared, const Uuid& acted_upon) noexcept;

/// What sequencing adds to an unread event's JSON before the number, for all
/// events of one moment.
class UnreadTail {
 public:
  void set_time(Timestamp at) noexcept;
  [[nodiscard]] Timestamp time() const noexcept { return at_; }
  [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), bytes_}; }

 private:
  Timestamp at_ = Timestamp::min();
  std::size_t bytes_ = 0;
  std::array<char, 128> text_{};
};

/// The engine's own way into Event: building, sequencing, acknowledging.
/// Only whoever owns the event alone (its builder, then its shard) writes.
struct EventAccess {
  [[nodiscard]] static NewEvent create(EventPool& pool, const EventParts& parts);
  [[nodiscard]] static NewEvent create(EventPool& pool, BlockCache& cache, const EventParts& parts);
  /// Copies a prepared event, which wants set_ids() next.
  [[nodiscard]] static NewEvent copy(EventPool& pool,
                                     BlockCache& cache,
                                     const PreparedEvent& prepared);
  /// By value, so that ids come in registers (see format_uuid).
  static void set_ids(NewEvent& made, EventId id, Uuid operation_id) noexcept;

  /// Gives the event its place and time, and completes its JSON.
  static void sequence(Event& event, Sequence sequence, Timestamp at) noexcept;
  /// The same with the text of the time at hand, for many events of one moment.
  static void sequence(Event& event, Sequence sequence, const UnreadTail& tail) noexcept;

  [[nodiscard]] static EventPoolImpl& impl_of(EventPool& pool) noexcept { return *pool.impl_; }

  /// Drops `references` at once; the block goes back to its pool with the last.
  static void release(const Event* event, std::uint32_t references) noexcept {
    event->release(references);
  }
  /// Drops one reference; the block goes to `cache` with the last.
  static void release_into(BlockCache& cache, const Event* event) noexcept;

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
  /// Where sequencing will write.
  [[nodiscard]] static const char* tail_of(const Event& event) noexcept {
    return reinterpret_cast<const char*>(&event + 1) + tail_at(event.body_bytes_);
  }
  static void set_claimed(Event& event) noexcept { event.claimed_ = true; }
  [[nodiscard]] static bool claimed(const Event& event) noexcept { return event.claimed_; }

 private:
  template <class Block>
  [[nodiscard]] static Event* place(EventPool& pool, const Block& block) noexcept;
  [[nodiscard]] static std::size_t bytes_of(std::size_t body_bytes) noexcept;
  [[nodiscard]] static NewEvent fill(Event* event, const EventParts& parts);
  /// The text follows the event in its block, so that what sequencing writes begins with
  /// a cache line: that processor has to get two, and the next publisher to get two back.
  [[nodiscard]] static constexpr std::size_t tail_at(std::size_t body_bytes) noexcept {
    return (body_bytes + 63) / 64 * 64;
  }
  [[nodiscard]] static char* text_in(void* block, std::size_t body_bytes) noexcept {
    return static_cast<char*>(block) + sizeof(Event) + tail_at(body_bytes) - body_bytes;
  }
  [[nodiscard]] static char* text_of(Event* event) noexcept {
    return text_in(event, event->body_bytes_);
  }
};

}  // namespace carillon::engine::detail
