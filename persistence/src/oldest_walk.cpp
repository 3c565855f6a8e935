#include "persistence/src/oldest_walk.hpp"

#include "persistence/src/coding.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"

#include <cstring>

namespace carillon::persistence {
namespace {

constexpr std::uint64_t day_ms = std::uint64_t{24} * 3'600 * 1'000;
constexpr std::size_t id_bytes = 16;

engine::Uuid uuid_at(const char* at) noexcept {
  engine::Uuid uuid;
  std::memcpy(uuid.bytes.data(), at, uuid.bytes.size());
  return uuid;
}

}  // namespace

OldestWalk::OldestWalk(const Rows& rows, std::uint64_t from_ms, std::uint64_t now_ms)
    : end_ms_{now_ms + day_ms},
      ids_{rows.range(Table::ids, {}, id_key_from(from_ms), Direction::ascending)},
      rows_{rows.range(
          Table::meta, age_prefix, timed_key_from(age_prefix, from_ms), Direction::ascending)} {
}

const std::optional<OldestWalk::Place>& OldestWalk::at() {
  if (!id_) id_ = read_id();
  if (!row_) row_ = read_row();
  if (!outcome_) return none_;
  if (!row_) return id_;
  if (!id_) return row_;
  return id_->time_ms < row_->time_ms ? id_ : row_;
}

void OldestWalk::next() {
  const bool by_id = at() && at()->by_id;
  (by_id ? id_ : row_).reset();
  (by_id ? ids_ : rows_)->next();
}

std::optional<OldestWalk::Place> OldestWalk::read_id() {
  for (; ids_->valid(); ids_->next()) {
    const auto key = ids_->key();
    if (key.size() != id_bytes + prefix_bytes || ids_->value().size() != 8) {
      outcome_ = damaged("an id", key);
      return std::nullopt;
    }
    if (get_fixed<6>(key.data()) > end_ms_) return std::nullopt;
    const auto time = time_of_id(uuid_at(key.data()));
    if (time)
      return Place{.time_ms = *time,
                   .holder = uuid_at(key.data() + id_bytes),
                   .sequence = get_fixed<8>(ids_->value().data()),
                   .by_id = true};
  }
  if (auto ended = ids_->outcome(); !ended) outcome_ = std::move(ended);
  return std::nullopt;
}

std::optional<OldestWalk::Place> OldestWalk::read_row() {
  if (!rows_->valid()) {
    if (auto ended = rows_->outcome(); !ended) outcome_ = std::move(ended);
    return std::nullopt;
  }
  const auto place = parse_timed_key(rows_->key());
  if (!place) {
    outcome_ = damaged("a row of an event's age", rows_->key());
    return std::nullopt;
  }
  return Place{.time_ms = place->time, .holder = place->holder, .sequence = place->sequence};
}

}  // namespace carillon::persistence
