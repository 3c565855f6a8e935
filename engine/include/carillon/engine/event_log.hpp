#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "carillon/engine/change.hpp"
#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/ids.hpp"
#include "carillon/engine/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace carillon::engine {

/// One sequenced event or change on its way to durability: exactly one of
/// `event` and `change` is set.
struct LogEntry {
  EventRef event{};                  ///< if it is an event
  std::shared_ptr<Change> change{};  ///< if it is a change
  AckRequest ack;                    ///< of a change; an event carries its own
  Sequence sequence = 0;             ///< its place in the order
  ShardIndex shard = 0;              ///< who sequenced it
  std::uint32_t bytes = 0;           ///< accounted against the queue bounds

  LogEntry() = default;
};

/// Where a log's order begins after it was opened.
struct LogOrigin {
  Epoch epoch = 0;  ///< changes when the log was replaced or rolled back
  /// Above every sequence that any earlier life of this log can have shown to
  /// anybody, committed or not.
  Sequence first_sequence = 1;
  Sequence last_broadcast = 0;  ///< of the latest committed broadcast, 0 if none
};

/// What the log tells the engine. Called on the log's writer thread.
class LogObserver {
 public:
  LogObserver() = default;
  virtual ~LogObserver() = default;
  LogObserver(const LogObserver&) = delete;
  LogObserver& operator=(const LogObserver&) = delete;

  /// These entries, in the order in which each shard appended them, are durable.
  virtual void on_committed(std::span<LogEntry> entries) noexcept = 0;
  /// These entries will never be: the log was stopped while it could not write.
  virtual void on_abandoned(std::span<LogEntry> entries) noexcept = 0;
};

/// The engine's view of write-behind: what takes sequenced batches and makes
/// them durable. `persistence` implements it.
///
/// Threads   attach(): once, before any append. append(): any shard's thread, at
///           most one call at a time for each shard. find(): any thread.
/// Order     Entries of one shard are committed in the order of append, never a
///           later one without all earlier ones.
/// Bound     The engine's credit bounds what is appended and not yet reported
///           back (Options::queued_bytes_max), so append never refuses.
/// Progress  append() and find() never block and never wait for the disk.
class EventLog {
 public:
  EventLog() = default;
  virtual ~EventLog() = default;
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  /// Where the order begins; the engine asks once.
  [[nodiscard]] virtual LogOrigin origin() const noexcept = 0;
  /// Names who is told what became of the entries.
  virtual void attach(LogObserver& observer) noexcept = 0;
  /// Moves the entries out of the span.
  virtual void append(ShardIndex shard, std::span<LogEntry> batch) noexcept = 0;

  /// Who is told the answer of find().
  using FindDone = std::function<void(Result<std::optional<std::string>> json)>;
  /// The committed event with this publisher's id, as JSON, or nullopt; an
  /// error if the store can't tell (the publish is then refused: "not found"
  /// would risk a duplicate). `done` runs exactly once, on a reader thread of
  /// the store or at once.
  virtual void find(const UserId& owner, const EventId& id, FindDone done) = 0;
};

}  // namespace carillon::engine
