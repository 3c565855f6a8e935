#pragma once

#include "carillon/engine/change.hpp"
#include "carillon/engine/event.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace carillon::engine {

/// What became of an accepted event or change.
enum class AckOutcome : std::uint8_t {
  sequenced,  ///< has its place in the order; not durable yet
  durable,    ///< committed; a change has been applied, see `change->affected`
  duplicate,  ///< the owner already published this id; see `first_json`
  failed,     ///< not durable: the log stopped, or could not look the id up
};

/// What a publisher is told about one event or change.
struct Ack {
  std::uint64_t token = 0;                   ///< as given to publish
  AckOutcome outcome = AckOutcome::durable;  ///< what became of it
  EventRef event{};                          ///< for events; of a duplicate: the refused copy
  std::shared_ptr<Change> change{};          ///< for changes
  std::string first_json{};                  ///< for duplicates: the first event, as it is now
};

/// Receives acknowledgements in bulk.
///
/// Threads   Called from shard threads and the log's writer thread, possibly at
///           once: implementations hand over to their own thread.
/// Progress  Must not block or throw.
/// Lifetime  Must outlive every publish that names it until its Ack.
class AckSink {
 public:
  AckSink() = default;
  virtual ~AckSink() = default;
  AckSink(const AckSink&) = delete;
  AckSink& operator=(const AckSink&) = delete;

  /// The acks may be moved from.
  virtual void on_acks(std::span<Ack> acks) noexcept = 0;
};

/// When a publisher wants to hear.
enum class AckAt : std::uint8_t {
  sequencing,  ///< once the event has its place in the order
  durability,  ///< once the log has committed it
};

/// Whom to tell about one publish. Without a sink: nobody.
struct AckRequest {
  AckSink* sink = nullptr;       ///< who is told; null: nobody
  std::uint64_t token = 0;       ///< comes back in the Ack; any value
  AckAt at = AckAt::durability;  ///< when
};
/// A publisher that wants to hear nothing.
inline constexpr AckRequest no_ack{};

}  // namespace carillon::engine
