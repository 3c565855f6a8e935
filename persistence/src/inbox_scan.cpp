#include "persistence/src/inbox_scan.hpp"

#include "persistence/src/keys.hpp"

#include <algorithm>
#include <limits>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::EventId;
using engine::Position;
using engine::Result;
using engine::Sequence;
using engine::UserId;

constexpr Sequence last_possible = std::numeric_limits<Sequence>::max();

/// The first sequence of a scan from the cut `start`, behind that sequence and before the
/// next one; nullopt if nothing can lie there.
std::optional<Sequence> first_from(Direction direction, std::optional<Sequence> start) {
  if (direction == Direction::ascending) {
    if (!start) return 0;
    if (*start == last_possible) return std::nullopt;
    return *start + 1;
  }
  return start.value_or(last_possible);
}

std::unique_ptr<RowIterator> open_range(const Rows& rows,
                                        Table table,
                                        const UserId& user,
                                        Direction direction,
                                        std::optional<Sequence> start) {
  const auto first = first_from(direction, start);
  if (!first) return nullptr;
  return rows.range(table, bytes_of(user), sequence_key(user, *first), direction);
}

}  // namespace

Error damaged(std::string_view what, std::string_view key) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "The store holds ";
  text += what;
  text += " that can't be read, under key ";
  for (const char c : key) {
    text += digits[static_cast<unsigned char>(c) >> 4U];
    text += digits[static_cast<unsigned char>(c) & 15U];
  }
  text += "; restore a backup";
  return {Errc::corrupt, text};
}

InboxScan::InboxScan(const Rows& rows,
                     const UserId& user,
                     Direction direction,
                     const std::optional<Position>& start)
    : direction_{direction} {
  std::optional<Sequence> own;
  std::optional<Sequence> broadcast;
  std::optional<Sequence> state;
  if (start) {
    own = start->user;
    broadcast = start->broadcast;
    state = direction == Direction::ascending ? std::min(start->user, start->broadcast)
                                              : std::max(start->user, start->broadcast);
  }
  broadcasts_ = open_range(rows, Table::events, broadcasts_owner, direction, broadcast);
  if (user.is_nil()) return;
  own_ = open_range(rows, Table::events, user, direction, own);
  states_ = open_range(rows, Table::state, user, direction, state);
}

RowIterator* InboxScan::front() {
  RowIterator* first = nullptr;
  for (auto* range : {own_.get(), broadcasts_.get()}) {
    if (range == nullptr) continue;
    if (!range->valid()) {
      if (auto ended = range->outcome(); !ended) {
        outcome_ = std::move(ended);
        return nullptr;
      }
      continue;
    }
    if (first == nullptr || before(sequence_of(range->key()), sequence_of(first->key())))
      first = range;
  }
  return first;
}

bool InboxScan::read_event(const RowIterator& at) {
  const auto event = decode_event(at.value(), sequence_of(at.key()));
  if (!event) {
    outcome_ = damaged("an event", at.key());
    return false;
  }
  row_.event = *event;
  row_.state = initial_state(*event);
  return true;
}

bool InboxScan::read_state(Sequence sequence) {
  if (states_ == nullptr) return true;
  while (states_->valid() && before(sequence_of(states_->key()), sequence))
    states_->next();
  if (!states_->valid()) {
    outcome_ = states_->outcome();
    return static_cast<bool>(outcome_);
  }
  if (sequence_of(states_->key()) != sequence) return true;
  const auto record = decode_state(states_->value());
  if (!record) {
    outcome_ = damaged("an event's state", states_->key());
    return false;
  }
  row_.state = record->state;
  return true;
}

const InboxRow* InboxScan::next() {
  while (outcome_) {
    if (taken_ != nullptr) taken_->next();
    taken_ = front();
    if (taken_ == nullptr) return nullptr;
    if (!read_event(*taken_) || !read_state(row_.event.sequence)) return nullptr;
    if (!row_.state.deleted_at) return &row_;
  }
  return nullptr;
}

Result<std::optional<FoundEvent>> find_event(const Rows& rows,
                                             const UserId& owner,
                                             const UserId& user,
                                             const EventId& id) {
  std::string value;
  const auto known = rows.get(Table::ids, id_key(owner, id), value);
  if (!known) return known.error();
  if (!*known) return std::optional<FoundEvent>{};
  if (value.size() != 8) return damaged("an id", id_key(owner, id));
  const auto sequence = get_fixed<8>(value.data());

  std::optional<FoundEvent> found{std::in_place};
  const auto event_key = sequence_key(owner, sequence);
  const auto there = rows.get(Table::events, event_key, found->bytes);
  if (!there) return there.error();
  const auto event = *there ? decode_event(found->bytes, sequence) : std::nullopt;
  if (!event) return damaged("an event", event_key);
  found->row = {.event = *event, .state = initial_state(*event)};
  if (user.is_nil()) return found;

  const auto state_key = sequence_key(user, sequence);
  const auto changed = rows.get(Table::state, state_key, value);
  if (!changed) return changed.error();
  if (!*changed) return found;
  const auto record = decode_state(value);
  if (!record) return damaged("an event's state", state_key);
  found->row.state = record->state;
  return found;
}

Result<std::optional<FoundEvent>> find_in_inbox(const Rows& rows,
                                                const UserId& user,
                                                const EventId& id) {
  for (const auto& owner : {user, broadcasts_owner}) {
    auto found = find_event(rows, owner, user, id);
    if (!found) return found;
    if (*found && !(*found)->row.state.deleted_at) return found;
  }
  return std::optional<FoundEvent>{};
}

Result<void> add_row(const Rows& rows, Table table, std::string_view key, Counters& into) {
  std::string value;
  const auto there = rows.get(table, key, value);
  if (!there) return there.error();
  if (*there && !add_encoded(into, value)) return damaged("a count", key);
  return {};
}

std::uint64_t InboxCounts::total() const noexcept {
  std::uint64_t total = 0;
  for (const auto severity : engine::all_severities)
    for (const auto status : {engine::Status::unread, engine::Status::read})
      total += counters.count(status, severity);
  return total;
}

Result<InboxCounts> read_counts(const Rows& rows, const UserId& user) {
  InboxCounts counts;
  if (auto read = add_row(rows, Table::counts, bytes_of(broadcasts_owner), counts.counters); !read)
    return read.error();
  counts.position.broadcast = counts.counters.last;
  if (user.is_nil()) return counts;
  Counters own;
  if (auto read = add_row(rows, Table::counts, bytes_of(user), own); !read) return read.error();
  counts.counters.add(own);
  counts.position.user = own.last;
  return counts;
}

}  // namespace carillon::persistence
