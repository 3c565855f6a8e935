#include "persistence/src/rocks_verify.hpp"

#include "carillon/engine/event_parser.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/rocks_rows.hpp"
#include "persistence/src/row_names.hpp"

#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Audience;
using engine::Sequence;

constexpr std::size_t broadcasts_kept = 65'536;

std::string kind_suffix(std::string_view category, std::string_view action) {
  std::string kind{category};
  kind += '\0';
  kind += action;
  return kind;
}

engine::UserId user_at(std::string_view bytes) {
  engine::UserId user;
  std::copy_n(bytes.begin(), user.bytes.size(), user.bytes.begin());
  return user;
}

std::string lane_name(std::size_t lane) {
  const auto status = static_cast<engine::Status>(lane / engine::severity_count);
  const auto severity = static_cast<engine::Severity>(lane % engine::severity_count);
  return std::string{to_string(status)} + ' ' + std::string{to_string(severity)};
}

std::string says(std::int64_t stored, std::int64_t counted) {
  return "says " + std::to_string(stored) + ", its events add up to " + std::to_string(counted);
}

}  // namespace

StoreFindings RocksVerifier::run() {
  check_files();
  check_meta();
  read_pending();
  check_inboxes();
  check_ids();
  return std::move(findings_);
}

void RocksVerifier::fault(std::string where, std::string what) {
  ++findings_.faults;
  on_fault_({.where = std::move(where), .what = std::move(what)});
}

void RocksVerifier::fault(Table table, std::string_view key, std::string what) {
  fault(row_name(table, key), std::move(what));
}

/// True at the very end of the table.
bool RocksVerifier::ended(const TableWalk& walk, Table table) {
  if (walk.valid()) return false;
  if (walk.status().ok()) return true;
  fault("table " + tables_.handle(table)->GetName(),
        "can't be read to its end: " + walk.status().ToString());
  return false;
}

void RocksVerifier::check_files() {
  std::vector<rocksdb::LiveFileMetaData> files;
  tables_.db().GetLiveFilesMetaData(&files);
  for (const auto& file : files) {
    findings_.bytes += file.size;
    const auto path = file.db_path + file.name;
    rocksdb::SstFileReader reader{rocksdb::Options{}};
    auto sound = reader.Open(path);
    if (sound.ok()) sound = reader.VerifyChecksum();
    if (!sound.ok())
      fault("file " + path + " of table " + file.column_family_name, sound.ToString());
  }
}

void RocksVerifier::check_meta() {
  const RocksSnapshot rows{tables_};
  for (const auto key : {meta_epoch, meta_commits, meta_reserved_until})
    if (const auto number = read_number(rows, key); !number)
      fault(Table::meta, key, number.error().text());
  for (const auto key : {meta_system, meta_user}) {
    std::string value;
    const auto there = rows.get(Table::meta, key, value);
    if (!there || !*there || value.size() != engine::Uuid{}.bytes.size())
      fault(Table::meta, key, "is no UUID");
  }
  if (const auto reserved = read_number(rows, meta_reserved_until)) reserved_until_ = *reserved;
  if (!is_reserved(reserved_until_) || reserved_until_ > engine::sequence_max)
    fault(Table::meta, meta_reserved_until, "is no sequence");
}

void RocksVerifier::read_pending() {
  const auto loaded =
      pending_.load(RocksSnapshot{tables_}, [this](std::string_view key, std::string_view what) {
        fault(Table::meta, key, std::string{what});
        return engine::Result<void>{};
      });
  if (!loaded) fault("additions to counts", loaded.error().text());
  pending_view_ = pending_.view();
  pending_users_ = pending_.users();
}

void RocksVerifier::check_inboxes() {
  Walks walks{tables_};
  while (const auto user = next_user(walks)) {
    Inbox inbox{*user};
    if (*user != bytes_of(broadcasts_owner)) ++findings_.users;
    check_inbox(walks, inbox);
    if (!walks.events.valid() && !walks.events.status().ok()) break;
    if (!walks.states.valid() && !walks.states.status().ok()) break;
    if (inbox.whole) {
      compare_counts(walks, inbox);
      compare_kinds(walks, inbox);
      continue;
    }
    findings_.unchecked.push_back("counts of " + owner_name(*user));
    for (auto* walk : {&walks.counts, &walks.kinds})
      while (walk->is_of(*user))
        walk->next();
  }
  events_read_ = have_ended(walks);
}

bool RocksVerifier::have_ended(const Walks& walks) {
  const bool events = ended(walks.events, Table::events);
  const bool states = ended(walks.states, Table::state);
  const bool counts = ended(walks.counts, Table::counts);
  const bool kinds = ended(walks.kinds, Table::kinds);
  if (!events || !states || !counts || !kinds)
    findings_.unchecked.emplace_back("inboxes of the users behind the unreadable row");
  return events;
}

/// The least user that any table has rows of. Rows without one are faults.
std::optional<std::string> RocksVerifier::next_user(Walks& walks) {
  std::optional<std::string> user;
  const auto consider = [&](TableWalk& walk, Table table) {
    while (walk.valid() && walk.key().size() < prefix_bytes) {
      fault(table, walk.key(), "has no owner");
      walk.next();
    }
    if (!walk.valid()) return;
    const auto owner = walk.key().substr(0, prefix_bytes);
    if (!user || owner < *user) user.emplace(owner);
  };
  consider(walks.events, Table::events);
  consider(walks.states, Table::state);
  consider(walks.counts, Table::counts);
  consider(walks.kinds, Table::kinds);
  if (pending_at_ < pending_users_.size()) {
    const auto owner = bytes_of(pending_users_[pending_at_]);
    if (!user || owner < *user) user.emplace(owner);
    if (owner == *user) ++pending_at_;
  }
  return user;
}

void RocksVerifier::check_inbox(Walks& walks, Inbox& inbox) {
  while (walks.events.is_of(inbox.user)) {
    check_event(walks, inbox);
    walks.events.next();
  }
  check_marks(walks, inbox, engine::sequence_max + 1);
  while (walks.states.is_of(inbox.user)) {
    fault(Table::state, walks.states.key(), "has an impossible key");
    inbox.whole = false;
    walks.states.next();
  }
}

void RocksVerifier::check_event(Walks& walks, Inbox& inbox) {
  const auto key = walks.events.key();
  const auto sequence = sequence_of(key);
  const auto event = decode_event(walks.events.value(), sequence);
  if (!event || key.size() != prefix_bytes + 8) {
    fault(Table::events, key, "can't be read");
    inbox.whole = false;
    return;
  }
  check_marks(walks, inbox, sequence);
  auto state = initial_state(*event);
  const bool broadcast = inbox.user == bytes_of(broadcasts_owner);
  if (walks.states.is_of(inbox.user) && sequence_of(walks.states.key()) == sequence) {
    if (broadcast)
      fault(Table::state, walks.states.key(), "is nobody's: a broadcast's are its users'");
    const auto record = decode_state(walks.states.value());
    if (record) {
      check_state(*record, *event, walks.states.key());
      inbox.counters.last = std::max(inbox.counters.last, record->change);
      state = record->state;
    } else {
      fault(Table::state, walks.states.key(), "can't be read");
      inbox.whole = false;
    }
    walks.states.next();
  }

  if (broadcast != (event->audience == Audience::everyone) ||
      (!broadcast && bytes_of(event->owner) != inbox.user))
    fault(Table::events, key, "is an event of " + owner_name(bytes_of(event->owner)));
  if (!is_reserved(sequence))
    fault(Table::events, key,
          "lies beyond the reserved sequences, which end at " + std::to_string(reserved_until_));
  if (const auto json = engine::check_json(event_json(*event, state)); !json.empty())
    fault(Table::events, key, "is not JSON: " + json);

  of_events_.add(event->id, broadcast ? broadcasts_owner : event->owner, sequence);
  inbox.counters.last = std::max(inbox.counters.last, sequence);
  ++(broadcast ? findings_.broadcasts : findings_.events);
  if (state.deleted_at) {
    ++findings_.deleted;
    return;
  }
  ++inbox.counters.at(state.status, event->severity);
  ++inbox.kinds[kind_suffix(event->category, event->action)];
}

void RocksVerifier::check_state(const StateRecord& record,
                                const StoredEvent& event,
                                std::string_view key) {
  if (!is_reserved(record.change) || record.change < event.sequence)
    fault(Table::state, key,
          "was changed at " + std::to_string(record.change) +
              ", which does not lie between its event and the end of the reserved sequences");
}

/// States of other events than the user's own, before this sequence.
void RocksVerifier::check_marks(Walks& walks, Inbox& inbox, Sequence before) {
  while (walks.states.is_of(inbox.user) && walks.states.key().size() == prefix_bytes + 8 &&
         sequence_of(walks.states.key()) < before) {
    check_mark(walks, inbox);
    walks.states.next();
  }
}

void RocksVerifier::check_mark(Walks& walks, Inbox& inbox) {
  const auto key = walks.states.key();
  const auto record = decode_state(walks.states.value());
  const auto broadcast = find_broadcast(sequence_of(key));
  if (!record || !broadcast) {
    fault(Table::state, key, record ? "belongs to no event and no broadcast" : "can't be read");
    inbox.whole = false;
    return;
  }
  if (!is_reserved(record->change))
    fault(Table::state, key,
          "was changed at " + std::to_string(record->change) + ", which is not reserved");
  ++findings_.marks;
  inbox.counters.last = std::max(inbox.counters.last, record->change);
  --inbox.counters.at(broadcast->status, broadcast->severity);
  if (record->state.deleted_at) {
    --inbox.kinds[broadcast->kind];
  } else {
    ++inbox.counters.at(record->state.status, broadcast->severity);
  }
}

std::optional<RocksVerifier::Broadcast> RocksVerifier::find_broadcast(Sequence sequence) {
  if (const auto known = broadcasts_.find(sequence); known != broadcasts_.end())
    return known->second;
  std::string row;
  const auto key = sequence_key(broadcasts_owner, sequence);
  if (!tables_.db().Get({}, tables_.handle(Table::events), key, &row).ok()) return std::nullopt;
  const auto event = decode_event(row, sequence);
  if (!event) return std::nullopt;
  if (broadcasts_.size() == broadcasts_kept) broadcasts_.clear();
  return broadcasts_
      .emplace(sequence, Broadcast{.status = event->initial_status,
                                   .severity = event->severity,
                                   .kind = kind_suffix(event->category, event->action)})
      .first->second;
}

void RocksVerifier::compare_counts(Walks& walks, const Inbox& inbox) {
  Counters stored;
  for (; walks.counts.is_of(inbox.user); walks.counts.next()) {
    Counters other;  // of rows that say something else of this owner
    const bool counts = walks.counts.key().size() == prefix_bytes;
    if (!add_encoded(counts ? stored : other, walks.counts.value()))
      fault(Table::counts, walks.counts.key(), "can't be read");
  }
  pending_view_->add_counts(user_at(inbox.user), stored);
  if (!walks.counts.valid() && !walks.counts.status().ok()) return;  // have_ended() says so
  for (std::size_t lane = 0; lane < Counters::lane_count; ++lane)
    if (stored.lanes[lane] != inbox.counters.lanes[lane])
      fault("counts of " + owner_name(inbox.user) + ", " + lane_name(lane),
            says(stored.lanes[lane], inbox.counters.lanes[lane]));
  if (stored.last < inbox.counters.last || stored.last > reserved_until_)
    fault("counts of " + owner_name(inbox.user),
          "end at sequence " + std::to_string(stored.last) + ", which does not lie between " +
              std::to_string(inbox.counters.last) +
              ", the latest of its rows, and the end of the reserved sequences");
}

void RocksVerifier::compare_kinds(Walks& walks, const Inbox& inbox) {
  KindSums stored;
  for (; walks.kinds.is_of(inbox.user); walks.kinds.next())
    if (walks.kinds.key().size() != prefix_bytes || !add_kinds(stored, walks.kinds.value()))
      fault(Table::kinds, walks.kinds.key(), "can't be read");
  if (!walks.kinds.valid() && !walks.kinds.status().ok()) return;
  pending_view_->add_kinds(user_at(inbox.user), stored);
  for (const auto& [kind, counted] : inbox.kinds)
    stored.try_emplace(kind, 0);
  for (const auto& [kind, says_so] : stored) {
    const auto known = inbox.kinds.find(kind);
    const auto counted = known == inbox.kinds.end() ? 0 : known->second;
    if (says_so != counted) fault(kind_name(inbox.user, kind), says(says_so, counted));
  }
}

}  // namespace carillon::persistence
