#pragma once

#include "carillon/engine/event_builder.hpp"
#include "carillon/engine/event_log.hpp"
#include "carillon/engine/event_pool.hpp"
#include "engine/src/event_access.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon::testing {

/// What a shard would have made of an event. `owner` nil: a broadcast.
struct EventSpec {
  engine::UserId owner{};
  std::string category = "pattern";
  std::string action = "deploy";
  engine::Severity severity = engine::Severity::success;
  engine::Status status = engine::Status::unread;
  std::string description{};
  std::string metadata = "{}";
  engine::Uuid acted_upon{};
  engine::Uuid system_id{};
  std::optional<engine::EventId> id{};
  std::int64_t created_at_us = 1'000;
};

inline engine::Timestamp at_us(std::int64_t microseconds) {
  return engine::Timestamp{std::chrono::microseconds{microseconds}};
}

inline engine::LogEntry event_entry(engine::EventPool& pool,
                                    engine::Sequence sequence,
                                    const EventSpec& spec,
                                    engine::ShardIndex shard = 0) {
  using engine::detail::EventAccess;
  engine::EventBuilder builder{pool};
  builder.with_category(spec.category)
      .with_action(spec.action)
      .with_severity(spec.severity)
      .with_status(spec.status)
      .with_description(spec.description)
      .with_metadata(spec.metadata)
      .acted_upon(spec.acted_upon)
      .from_system(spec.system_id);
  if (spec.id) builder.with_id(*spec.id);
  if (spec.owner.is_nil()) {
    builder.for_audience(engine::Audience::everyone);
  } else {
    builder.from_user(spec.owner);
  }
  auto built = builder.build();
  auto* event = EventAccess::take(*built);
  EventAccess::sequence(*event, sequence, at_us(spec.created_at_us));
  engine::LogEntry entry;
  entry.bytes = static_cast<std::uint32_t>(event->footprint_bytes());
  entry.event = engine::EventRef::adopt(event);
  entry.sequence = sequence;
  entry.shard = shard;
  return entry;
}

inline engine::LogEntry change_entry(engine::Sequence sequence,
                                     engine::Change change,
                                     std::int64_t at = 2'000,
                                     engine::ShardIndex shard = 0) {
  change.sequence = sequence;
  change.at = at_us(at);
  engine::LogEntry entry;
  entry.change = std::make_shared<engine::Change>(std::move(change));
  entry.sequence = sequence;
  entry.bytes = 100;
  entry.shard = shard;
  return entry;
}

}  // namespace carillon::testing
