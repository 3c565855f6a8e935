// Whether ids lead to their events, and all events are led to.
#include "persistence/src/rocks_verify.hpp"

#include <algorithm>

namespace carillon::persistence {
namespace {

using engine::Audience;
using engine::Sequence;

std::uint64_t mix(std::uint64_t value) noexcept {  // the finaliser of splitmix64
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31U);
}

}  // namespace

void PairSum::add(const engine::EventId& id, const engine::UserId& owner, Sequence sequence) {
  const auto pair = mix(engine::hash_uuid(id) + 0x9E3779B97F4A7C15ULL * engine::hash_uuid(owner));
  ++count_;
  sum_ += mix(pair + sequence);
  other_sum_ += mix(pair ^ mix(sequence + 0xD1B54A32D192ED03ULL));
}

void RocksVerifier::check_ids() {
  PairSum of_ids;
  TableWalk ids{tables_, Table::ids};
  for (; ids.valid(); ids.next()) {
    if (ids.key().size() != 2 * prefix_bytes || ids.value().size() != 8) {
      fault(Table::ids, ids.key(), "can't be read");
      continue;
    }
    engine::EventId id;
    engine::UserId owner;
    std::copy_n(ids.key().begin(), prefix_bytes, id.bytes.begin());
    std::copy_n(ids.key().begin() + prefix_bytes, prefix_bytes, owner.bytes.begin());
    of_ids.add(id, owner, get_fixed<8>(ids.value().data()));
  }
  const bool ids_read = ended(ids, Table::ids);
  if (!ids_read || !events_read_) {
    findings_.unchecked.emplace_back("whether events and ids lead to one another");
    return;
  }
  if (of_ids == of_events_) return;
  find_events_without_id();
  find_ids_without_event();
}

void RocksVerifier::find_events_without_id() {
  std::string place;
  for (TableWalk events{tables_, Table::events}; events.valid(); events.next()) {
    const auto sequence = sequence_of(events.key());
    const auto event = decode_event(events.value(), sequence);
    if (!event) continue;  // said before
    const auto owner = event->audience == Audience::everyone ? broadcasts_owner : event->owner;
    const auto key = id_key(owner, event->id);
    const auto status = tables_.db().Get({}, tables_.handle(Table::ids), key, &place);
    if (!status.ok()) {
      fault(Table::events, events.key(),
            "has id " + to_string(event->id) + ", by which it can't be found");
    } else if (place.size() == 8 && get_fixed<8>(place.data()) != sequence) {
      fault(Table::events, events.key(),
            "has id " + to_string(event->id) + ", which leads to sequence " +
                std::to_string(get_fixed<8>(place.data())));
    }
  }
}

void RocksVerifier::find_ids_without_event() {
  std::string row;
  for (TableWalk ids{tables_, Table::ids}; ids.valid(); ids.next()) {
    const auto key = ids.key();
    if (key.size() != 2 * prefix_bytes || ids.value().size() != 8) continue;  // said before
    const auto sequence = get_fixed<8>(ids.value().data());
    auto event_key = std::string{key.substr(prefix_bytes)};
    put_fixed<8>(event_key, sequence);
    const auto status = tables_.db().Get({}, tables_.handle(Table::events), event_key, &row);
    const auto event = status.ok() ? decode_event(row, sequence) : std::nullopt;
    if (!event) {
      fault(Table::ids, key,
            "leads to sequence " + std::to_string(sequence) + ", where no event is");
    } else if (bytes_of(event->id) != key.substr(0, prefix_bytes)) {
      fault(Table::ids, key,
            "leads to sequence " + std::to_string(sequence) + ", where the event " +
                to_string(event->id) + " is");
    }
  }
}

}  // namespace carillon::persistence
