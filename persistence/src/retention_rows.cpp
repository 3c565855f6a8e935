#include "persistence/src/retention_rows.hpp"

#include "persistence/src/counters.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"

#include <cstring>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::Sequence;
using engine::Timestamp;
using engine::UserId;
using engine::Uuid;

constexpr std::uint64_t tolerance_ms = 1'000;
constexpr char horizon_suffix = 'h';
constexpr char record_version = 1;
constexpr std::size_t record_bytes = 2 + std::size_t{8} * 8 + 16 + 1;

Uuid uuid_at(const char* at) noexcept {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), at, uuid.bytes.size());
  return uuid;
}

std::string timed_key(std::string_view prefix,
                      std::uint64_t time,
                      Sequence event,
                      const UserId& user) {
  auto key = timed_key_from(prefix, time);
  put_fixed<8>(key, event);
  key += bytes_of(user);
  return key;
}

std::uint64_t microseconds_of(Timestamp time) noexcept {
  const auto count = time.time_since_epoch().count();
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

}  // namespace

std::uint64_t milliseconds(Timestamp time) noexcept {
  return microseconds_of(time) / 1'000;
}

std::optional<std::uint64_t> time_of_id(const engine::EventId& id) noexcept {
  if ((id.bytes[6] & 0xF0U) != 0x70U) return std::nullopt;
  return get_fixed<6>(reinterpret_cast<const char*>(id.bytes.data()));
}

bool id_tells_age(const engine::EventId& id, Timestamp created_at) noexcept {
  const auto of_id = time_of_id(id);
  if (!of_id) return false;
  const auto of_event = milliseconds(created_at);
  const auto apart = *of_id > of_event ? *of_id - of_event : of_event - *of_id;
  return apart <= tolerance_ms;
}

std::string age_key(Timestamp created_at, Sequence event, const UserId& holder) {
  return timed_key(age_prefix, milliseconds(created_at), event, holder);
}

std::string deletion_key(Timestamp deleted_at, Sequence event, const UserId& user) {
  return timed_key(deletion_prefix, microseconds_of(deleted_at), event, user);
}

std::string mark_key(Sequence broadcast, const UserId& user) {
  auto key = timed_key_from(mark_prefix, broadcast);
  key += bytes_of(user);
  return key;
}

UserId user_of_mark(std::string_view key) noexcept {
  return uuid_at(key.data() + key.size() - prefix_bytes);
}

std::optional<TimedEvent> parse_timed_key(std::string_view key) noexcept {
  if (key.size() != 1 + 8 + 8 + prefix_bytes) return std::nullopt;
  return TimedEvent{.time = get_fixed<8>(key.data() + 1),
                    .holder = uuid_at(key.data() + 17),
                    .sequence = get_fixed<8>(key.data() + 9)};
}

std::string timed_key_from(std::string_view prefix, std::uint64_t time) {
  std::string key{prefix};
  put_fixed<8>(key, time);
  return key;
}

std::string id_key_from(std::uint64_t time_ms) {
  std::string key;
  put_fixed<6>(key, time_ms);
  return key;
}

std::string horizon_key(const UserId& owner) {
  std::string key{bytes_of(owner)};
  key += horizon_suffix;
  return key;
}

Result<engine::Position> read_horizon(const Rows& rows, const UserId& user) {
  Counters broadcasts;
  Counters own;
  if (auto read = add_row(rows, Table::counts, horizon_key(broadcasts_owner), broadcasts); !read)
    return read.error();
  if (!user.is_nil())
    if (auto read = add_row(rows, Table::counts, horizon_key(user), own); !read)
      return read.error();
  return engine::Position{.user = own.last, .broadcast = broadcasts.last};
}

std::string encode_retention(const RetentionRecord& record) {
  std::string row;
  row.reserve(record_bytes);
  row.push_back(record_version);
  row.push_back(static_cast<char>(record.sweep));
  for (const auto number :
       {record.commits, record.events, record.bytes, record.oldest_ms, record.oldest_deletion_us,
        record.sweep_sequence, record.adopt_below, record.counted_for})
    put_fixed<8>(row, number);
  row += bytes_of(record.sweep_user);
  row.push_back(record.users_waiting ? '\1' : '\0');
  return row;
}

Result<std::optional<RetentionRecord>> read_retention(const Rows& rows, std::uint64_t commits) {
  std::string row;
  const auto there = rows.get(Table::meta, meta_retention, row);
  if (!there) return there.error();
  if (!*there || row.empty() || row[0] != record_version) return std::optional<RetentionRecord>{};
  if (row.size() != record_bytes || row[1] > static_cast<char>(RetentionRecord::Sweep::counting))
    return damaged("retention's record", meta_retention);
  const auto number = [&row](std::size_t index) {
    return get_fixed<8>(row.data() + 2 + 8 * index);
  };
  if (number(0) != commits) return std::optional<RetentionRecord>{};
  return std::optional{RetentionRecord{.commits = number(0),
                                       .events = number(1),
                                       .bytes = number(2),
                                       .oldest_ms = number(3),
                                       .oldest_deletion_us = number(4),
                                       .sweep = static_cast<RetentionRecord::Sweep>(row[1]),
                                       .sweep_user = uuid_at(row.data() + 2 + std::size_t{8} * 8),
                                       .sweep_sequence = number(5),
                                       .adopt_below = number(6),
                                       .counted_for = number(7),
                                       .users_waiting = row.back() != '\0'}};
}

}  // namespace carillon::persistence
