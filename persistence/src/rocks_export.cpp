#include "persistence/src/rocks_export.hpp"

#include "persistence/src/export_line.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/rocks_rows.hpp"
#include "persistence/src/row_names.hpp"
#include "persistence/src/table_walk.hpp"

#include <algorithm>
#include <unordered_map>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;
using engine::Sequence;

constexpr std::size_t broadcasts_kept = 65'536;

Error not_written() {
  return {Errc::io, "The export can't be written; is the disk full?"};
}

Result<engine::Uuid> read_uuid(const Rows& rows, std::string_view key) {
  std::string value;
  const auto there = rows.get(Table::meta, key, value);
  if (!there) return there.error();
  engine::Uuid uuid;
  if (value.size() != uuid.bytes.size()) return damaged("an identity", key);
  std::copy(value.begin(), value.end(), uuid.bytes.begin());
  return uuid;
}

Result<ExportHeader> read_header(const RocksTables& tables) {
  const RocksSnapshot rows{tables};
  const auto epoch = read_number(rows, meta_epoch);
  if (!epoch) return epoch.error();
  const auto reserved = read_number(rows, meta_reserved_until);
  if (!reserved) return reserved.error();
  const auto system = read_uuid(rows, meta_system);
  if (!system) return system.error();
  const auto user = read_uuid(rows, meta_user);
  if (!user) return user.error();
  return ExportHeader{.epoch = *epoch,
                      .identity = {.system_id = *system, .local_user = *user},
                      .last_sequence = *reserved};
}

/// Walks events and states side by side: a user's rows of both lie together.
class RocksExport {
 public:
  RocksExport(const OfflineStore& store, const WriteLine& write)
      : path_{store.path()},
        tables_{store.tables()},
        write_{write},
        events_{tables_, Table::events},
        states_{tables_, Table::state} {}

  [[nodiscard]] Result<void> export_all() {
    while (events_.valid() || states_.valid()) {
      // The states of the users before the next event's are marks of broadcasts.
      const bool event_first =
          events_.valid() && (!states_.valid() || events_.key() <= states_.key());
      if (auto done = event_first ? export_event() : export_mark(); !done) return done;
    }
    for (const auto* walk : {&events_, &states_})
      if (!walk->status().ok()) return to_error(walk->status(), "exporting", path_);
    return {};
  }

  [[nodiscard]] Result<void> export_user(const engine::UserId& user) {
    for (const auto& owner : {broadcasts_owner, user}) {
      const auto prefix = bytes_of(owner);
      events_.seek(prefix);
      states_.seek(prefix);
      while (events_.is_of(prefix) || states_.is_of(prefix)) {
        const bool event_first =
            events_.is_of(prefix) && (!states_.is_of(prefix) || events_.key() <= states_.key());
        if (auto done = event_first ? export_event() : export_mark(); !done) return done;
      }
      for (const auto* walk : {&events_, &states_})
        if (!walk->status().ok()) return to_error(walk->status(), "exporting", path_);
    }
    return {};
  }

  [[nodiscard]] const TransferCounts& counts() const noexcept { return counts_; }

 private:
  [[nodiscard]] Error unreadable(Table table, std::string_view key) const {
    return {Errc::corrupt, "The store in " + path_ + " can't be exported: its " +
                               row_name(table, key) +
                               " can't be read; carillon verify-store says what else is wrong"};
  }

  [[nodiscard]] Result<void> export_event() {
    const auto event = decode_event(events_.value(), sequence_of(events_.key()));
    if (!event || events_.key().size() != prefix_bytes + 8)
      return unreadable(Table::events, events_.key());
    auto state = initial_state(*event);
    std::optional<Sequence> change;
    if (states_.valid() && states_.key() == events_.key()) {
      const auto record = decode_state(states_.value());
      if (!record) return unreadable(Table::state, states_.key());
      state = record->state;
      change = record->change;
      states_.next();
    }
    const bool broadcast = event->audience == engine::Audience::everyone;
    ++(broadcast ? counts_.broadcasts : counts_.events);
    if (!write_(event_line(event_json(*event, state), change))) return not_written();
    events_.next();
    return {};
  }

  [[nodiscard]] Result<void> export_mark() {
    const auto key = states_.key();
    const auto record = decode_state(states_.value());
    if (!record || key.size() != prefix_bytes + 8) return unreadable(Table::state, key);
    const auto broadcast = find_broadcast(sequence_of(key));
    if (!broadcast) return unreadable(Table::state, key);
    ExportedMark mark{.broadcast = *broadcast, .state = record->state, .change = record->change};
    std::copy_n(key.begin(), prefix_bytes, mark.user.bytes.begin());
    ++counts_.marks;
    if (!write_(mark_line(mark))) return not_written();
    states_.next();
    return {};
  }

  [[nodiscard]] std::optional<engine::EventId> find_broadcast(Sequence sequence) {
    if (const auto known = broadcasts_.find(sequence); known != broadcasts_.end())
      return known->second;
    std::string row;
    const auto key = sequence_key(broadcasts_owner, sequence);
    if (!tables_.db().Get({}, tables_.handle(Table::events), key, &row).ok()) return std::nullopt;
    const auto event = decode_event(row, sequence);
    if (!event) return std::nullopt;
    if (broadcasts_.size() == broadcasts_kept) broadcasts_.clear();
    return broadcasts_.emplace(sequence, event->id).first->second;
  }

  const std::string& path_;
  const RocksTables& tables_;
  const WriteLine& write_;
  TableWalk events_;
  TableWalk states_;
  std::unordered_map<Sequence, engine::EventId> broadcasts_;  // ids of lately marked ones
  TransferCounts counts_;
};

}  // namespace

Result<TransferCounts> export_rocks(const OfflineStore& store,
                                    const std::optional<engine::UserId>& only_user,
                                    const WriteLine& write) {
  auto header = read_header(store.tables());
  if (!header) return header.error();
  header->only_user = only_user;
  if (!write(header_line(*header))) return not_written();
  RocksExport rows{store, write};
  if (auto done = only_user ? rows.export_user(*only_user) : rows.export_all(); !done)
    return done.error();
  if (!write(end_line(rows.counts()))) return not_written();
  return rows.counts();
}

}  // namespace carillon::persistence
