#include "persistence/src/postgres_batch.hpp"

#include "persistence/src/assert.hpp"
#include "persistence/src/holder.hpp"
#include "persistence/src/postgres_change.hpp"
#include "persistence/src/postgres_event.hpp"
#include "persistence/src/postgres_positions.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Audience;
using engine::EventView;
using engine::LogEntry;
using engine::Result;

/// Events of one INSERT: enough to make a statement's own cost small, few enough
/// that the server begins early.
constexpr std::size_t insert_events_max = 256;

constexpr const char* insert_events = "insert_events";
constexpr const char* insert_new_events = "insert_new_events";
constexpr const char* add_counts = "add_counts";

constexpr const char* add_counts_sql = R"(
INSERT INTO carillon.counts AS n (user_id, severity, category, action, unread, read)
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
    ON CONFLICT (user_id, severity, category, action) DO UPDATE
   SET unread = n.unread + excluded.unread, read = n.read + excluded.read
)";

constexpr const char* left_out_sql = R"(
SELECT n FROM unnest($1::uuid[], $2::bigint[]) AS row (u, n)
 WHERE NOT EXISTS (SELECT FROM carillon.events e WHERE e.user_id = u AND e.sequence = n)
)";

constexpr const char* uncount_sql =
    "UPDATE carillon.meta SET events = events - $1, event_bytes = event_bytes - $2";

struct CountKey {
  engine::UserId user;
  engine::Severity severity;
  std::string_view category;  // of the event
  std::string_view action;
  friend auto operator<=>(const CountKey&, const CountKey&) = default;
};
struct Added {
  std::int64_t unread = 0;
  std::int64_t read = 0;
};
using Counts = std::map<CountKey, Added>;

void count(const EventView& event, std::int64_t by, Counts& counts) {
  auto& added = counts[{.user = holder_of(event),
                        .severity = event.severity,
                        .category = event.category,
                        .action = event.action}];
  (event.initial_status == engine::Status::read ? added.read : added.unread) += by;
}

PostgresParameters parameters_of(const Counts& counts) {
  using enum PostgresType;
  PostgresArray users{uuid};
  PostgresArray severities{int2};
  PostgresArray categories{text};
  PostgresArray actions{text};
  PostgresArray unread{int8};
  PostgresArray read{int8};
  for (const auto& [key, added] : counts) {
    users.add_uuid(key.user);
    severities.add_int2(static_cast<std::int16_t>(key.severity));
    categories.add_text(key.category);
    actions.add_text(key.action);
    unread.add_int8(added.unread);
    read.add_int8(added.read);
  }
  PostgresParameters parameters;
  parameters.add_array(uuid_array, std::move(users));
  parameters.add_array(int2_array, std::move(severities));
  parameters.add_array(text_array, std::move(categories));
  parameters.add_array(text_array, std::move(actions));
  parameters.add_array(int8_array, std::move(unread));
  parameters.add_array(int8_array, std::move(read));
  return parameters;
}

std::vector<Oid> oids(std::initializer_list<PostgresType> types) {
  std::vector<Oid> numbers;
  for (const auto type : types)
    numbers.push_back(static_cast<Oid>(type));
  return numbers;
}

}  // namespace

void PostgresBatch::prepare(PostgresConnection& connection) {
  using enum PostgresType;
  const auto types = PostgresEventRows::types();
  connection.prepare(insert_events, PostgresEventRows::insert_sql().c_str(), types);
  connection.prepare(insert_new_events, PostgresEventRows::insert_new_sql().c_str(), types);
  connection.prepare(
      add_counts, add_counts_sql,
      oids({uuid_array, int2_array, text_array, text_array, int8_array, int8_array}));
  prepare_changes(connection);
  static_assert(prepared_statements == 3 + prepared_changes);
}

engine::Sequence PostgresBatch::last_sequence() const noexcept {
  engine::Sequence last = 0;
  for (const auto& entry : entries_)
    last = std::max(last, entry.sequence);
  return last;
}

void PostgresBatch::send() {
  send_entries();
  Counts counts;
  for (const auto& entry : entries_)
    if (entry.event) count(entry.event->view(), 1, counts);
  counts_sent_ = !counts.empty();
  if (counts_sent_) connection_.send_prepared(add_counts, parameters_of(counts));
}

void PostgresBatch::send_entries() {
  // Of ours looking for the id is spared, a sixth of what the server does for an event; and
  // they go user by user, so that neighbours in the indexes are inserted one after the other.
  std::vector<const engine::Event*> ours;
  std::vector<const engine::Event*> others;  // the first of an id counts
  const auto flush = [&] {
    std::ranges::stable_sort(ours, {}, [](const auto* event) { return holder_of(event->view()); });
    send_events(insert_new_events, ours);
    send_events(insert_events, others);
    ours.clear();
    others.clear();
  };
  for (const auto& entry : entries_) {
    if (entry.change) {
      flush();
      entry.change->affected.clear();             // of an earlier attempt
      if (entry.change->user.is_nil()) continue;  // nobody's inbox
      send_change(connection_, *entry.change);
      sent_.push_back({.change = entry.change.get()});
      continue;
    }
    const auto& event = *entry.event;
    CARILLON_STORE_ASSERT(event.sequence() != 0, "an event is sequenced before it is logged");
    CARILLON_STORE_ASSERT(event.audience() == Audience::everyone || !event.owner().is_nil(),
                          "a user's event has an owner; the nil user's are the broadcasts");
    ++events_;
    (ids_ == Ids::trusted && !event.id_from_publisher() ? ours : others).push_back(&event);
  }
  flush();
}

void PostgresBatch::send_events(const char* statement,
                                std::span<const engine::Event* const> events) {
  while (!events.empty()) {
    const auto some = events.first(std::min(events.size(), insert_events_max));
    events = events.subspan(some.size());
    PostgresEventRows rows;
    for (const auto* event : some)
      rows.add(*event);
    bytes_ += rows.bytes();
    connection_.send_prepared(statement, std::move(rows).take());
    sent_.push_back({});
  }
}

Result<void> PostgresBatch::take() {
  for (const auto& statement : sent_) {
    const auto rows = connection_.take(PostgresConnection::no_deadline);
    if (!rows) return rows.error();
    if (statement.change != nullptr) {
      fill_affected(*statement.change, *rows);
    } else {
      inserted_ += rows->affected();
    }
  }
  if (!counts_sent_) return {};
  const auto counted = connection_.take(PostgresConnection::no_deadline);
  if (!counted) return counted.error();
  return {};
}

Result<void> PostgresBatch::find_left_out() {
  PostgresArray users{PostgresType::uuid};
  PostgresArray sequences{PostgresType::int8};
  for (const auto& entry : entries_) {
    if (!entry.event) continue;
    users.add_uuid(holder_of(entry.event->view()));
    sequences.add_int8(to_bigint(entry.sequence));
  }
  PostgresParameters parameters;
  parameters.add_array(PostgresType::uuid_array, std::move(users));
  parameters.add_array(PostgresType::int8_array, std::move(sequences));
  const auto rows = connection_.run(left_out_sql, parameters);
  if (!rows) return rows.error();
  for (int row = 0; row < rows->count(); ++row)
    left_out_.insert(static_cast<engine::Sequence>(rows->int8(row, 0)));
  return {};
}

Result<void> PostgresBatch::correct() {
  if (inserted_ == events_) return {};
  if (auto found = find_left_out(); !found) return found;
  Counts counts;
  PostgresEventRows rows;
  PostgresPositions positions;  // an order has the sequence of what was left out all the same
  for (const auto& entry : entries_) {
    if (!entry.event || !left_out_.contains(entry.sequence)) continue;
    const auto& event = entry.event->view();
    count(event, -1, counts);
    rows.add(*entry.event);
    positions.add(holder_of(event), event.sequence);
  }
  events_ -= rows.count();
  bytes_ -= rows.bytes();
  PostgresParameters uncounted;
  uncounted.add_int8(to_bigint(rows.count()));
  uncounted.add_int8(to_bigint(rows.bytes()));
  connection_.send_prepared(add_counts, parameters_of(counts));
  connection_.send(PostgresPositions::sql, std::move(positions).take());
  connection_.send(uncount_sql, uncounted);
  connection_.sync();
  for (int i = 0; i < 3; ++i)
    if (const auto done = connection_.take(PostgresConnection::no_deadline); !done)
      return done.error();
  return connection_.take_sync(PostgresConnection::no_deadline);
}

}  // namespace carillon::persistence
