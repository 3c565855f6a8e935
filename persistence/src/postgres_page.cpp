// The list of an inbox: read_page of postgres_queries.hpp.
#include "carillon/persistence/store.hpp"
#include "persistence/src/postgres_event.hpp"
#include "persistence/src/postgres_filter.hpp"
#include "persistence/src/postgres_queries.hpp"

#include <algorithm>
#include <vector>

namespace carillon::persistence {
namespace {

using engine::EventPage;
using engine::ListQuery;
using engine::Result;
using engine::SortKey;
using engine::Status;
using Deadline = PostgresConnection::Clock::time_point;

/// $1: the user. Sums over an inbox are those of its own rows and of the broadcasts'.
std::string severities_sql() {
  return std::string{
             "SELECT severity, sum(unread)::bigint, sum(read)::bigint"
             " FROM carillon.counts WHERE user_id IN ($1, "} +
         broadcasts_sql + ") GROUP BY severity";
}

/// The position of the inbox, and its horizon: what was removed counts for both.
std::string position_sql() {
  const auto of = [](const std::string& owner) {
    return "greatest((SELECT max(sequence) FROM carillon.events WHERE user_id = " + owner +
           "), (SELECT last_change FROM carillon.positions WHERE user_id = " + owner + "), 0)";
  };
  const auto horizon_of = [](const std::string& owner) {
    return "coalesce((SELECT horizon FROM carillon.positions WHERE user_id = " + owner + "), 0)";
  };
  return "SELECT " + of("$1") + ", " + of(broadcasts_sql) + ", " + horizon_of("$1") + ", " +
         horizon_of(broadcasts_sql);
}

/// The SQL of one list: its conditions, and the parameters that they share.
class PageSql {
 public:
  explicit PageSql(const ListQuery& query)
      : query_{query},
        user_{parameters_.add_uuid(query.user)},
        filter_{query.filter, parameters_} {}

  /// How many events pass the filter, and how many of them are read. A filter by
  /// what carillon.counts has in its key is answered by a few of its rows.
  [[nodiscard]] std::string totals() const {
    const auto& filter = query_.filter;
    const bool by_kind = filter.acted_upon.empty() && filter.system_ids.empty() &&
                         filter.owners.empty() && filter.search.empty() && !filter.from &&
                         !filter.to;
    if (!by_kind)
      return "SELECT count(*), count(*) FILTER (WHERE status = 1) FROM (" + inbox({}, {}) + ") i";
    const std::string read = filter.status == Status::unread ? "0" : "e.read";
    const std::string unread = filter.status == Status::read ? "0" : "e.unread";
    return "SELECT coalesce(sum(" + unread + " + " + read + "), 0)::bigint, coalesce(sum(" + read +
           "), 0)::bigint FROM carillon.counts e WHERE e.user_id IN (" + placeholder(user_) + ", " +
           broadcasts_sql + ")" + filter_.conditions_but_status();
  }

  /// `size` events of the wanted order, behind the first `offset`.
  [[nodiscard]] std::string sorted_page(std::uint64_t offset, std::uint64_t size) {
    const auto order = " ORDER BY sort_key " + direction() + ", sequence " + direction();
    const auto limit = " LIMIT " + std::to_string(to_bigint(offset + size));
    std::string arms;
    for (const auto& arm : sorted_arms())
      arms += (arms.empty() ? "(" : " UNION ALL (") + arm + order + limit + ")";
    return page_of(arms, order, size, offset);
  }

  /// The first `size` events behind the position.
  [[nodiscard]] std::string cursor_page(std::uint64_t size) {
    const auto order = std::string{" ORDER BY sequence "} + (query_.after ? "ASC" : "DESC");
    const auto limit = " LIMIT " + std::to_string(size);
    const auto after = query_.after.value_or(engine::Position{});
    const auto own = range(after.user, query_.before ? &query_.before->user : nullptr);
    const auto broadcasts =
        range(after.broadcast, query_.before ? &query_.before->broadcast : nullptr);
    return page_of(inbox(own + order + limit, broadcasts + order + limit), order, size, 0);
  }

  [[nodiscard]] const PostgresParameters& parameters() const noexcept { return parameters_; }

 private:
  static constexpr const char* broadcast_status = "coalesce(m.status, e.status)";

  [[nodiscard]] std::string direction() const { return query_.descending ? "DESC" : "ASC"; }
  [[nodiscard]] bool has_own() const { return !query_.user.is_nil(); }

  /// Bounds of a cursor page. Without `after`, everything before is in it.
  [[nodiscard]] std::string range(engine::Sequence after, const engine::Sequence* before) {
    std::string sql;
    if (query_.after)
      sql += " AND e.sequence > " + placeholder(parameters_.add_int8(to_bigint(after)));
    if (before != nullptr)
      sql += " AND e.sequence <= " + placeholder(parameters_.add_int8(to_bigint(*before)));
    return sql;
  }

  /// The filtered inbox; own events and broadcasts with a tail of SQL each.
  [[nodiscard]] std::string inbox(const std::string& own_tail,
                                  const std::string& broadcast_tail) const {
    std::string sql;
    if (has_own())
      sql +=
          "(SELECT e.user_id, e.sequence, e.status, e.updated_at FROM carillon.events e"
          " WHERE e.user_id = " +
          placeholder(user_) + " AND e.deleted_at IS NULL" + filter_.conditions("e.status") +
          own_tail + ") UNION ALL ";
    return sql + "(SELECT e.user_id, e.sequence, " + broadcast_status +
           " AS status, coalesce(m.updated_at, e.updated_at) AS updated_at"
           " FROM carillon.events e LEFT JOIN carillon.marks m ON m.user_id = " +
           placeholder(user_) + " AND m.sequence = e.sequence WHERE e.user_id = " + broadcasts_sql +
           " AND m.deleted_at IS NULL" + filter_.conditions(broadcast_status) + broadcast_tail +
           ")";
  }

  /// Selections that an index gives in the order of updated_at, so that each costs
  /// a page and not the inbox: events by their status, since it leads the index,
  /// and broadcasts that the user marked apart from those it did not.
  [[nodiscard]] std::vector<std::string> sorted_arms() const {
    const std::string created = query_.sort == SortKey::created_at ? "e.created_at" : "";
    const auto selected = [&](const char* row) {
      return std::string{"SELECT e.user_id, e.sequence, "} + row + ".status, " + row +
             ".updated_at, " + (created.empty() ? std::string{row} + ".updated_at" : created) +
             " AS sort_key FROM carillon.events e";
    };
    const auto user = placeholder(user_);
    const auto& conditions = filter_.conditions_but_status();
    std::vector<std::string> arms;
    for (const auto status : {Status::unread, Status::read}) {
      if (query_.filter.status && query_.filter.status != status) continue;
      const auto kept =
          " AND e.deleted_at IS NULL AND e.status = " + std::to_string(static_cast<int>(status)) +
          conditions;
      if (has_own()) arms.push_back(selected("e") + " WHERE e.user_id = " + user + kept);
      arms.push_back(selected("e") + " WHERE e.user_id = " + broadcasts_sql + kept +
                     " AND NOT EXISTS (SELECT FROM carillon.marks m WHERE m.user_id = " + user +
                     " AND m.sequence = e.sequence)");
    }
    arms.push_back(selected("m") + " JOIN carillon.marks m ON m.sequence = e.sequence" +
                   " WHERE m.user_id = " + user + " AND m.deleted_at IS NULL AND e.user_id = " +
                   broadcasts_sql + filter_.conditions("m.status"));
    return arms;
  }

  /// Reads the whole events for the page alone.
  [[nodiscard]] static std::string page_of(const std::string& arms,
                                           const std::string& order,
                                           std::uint64_t size,
                                           std::uint64_t offset) {
    return std::string{"SELECT "} + postgres_event_columns +
           ", p.status, p.updated_at, NULL::timestamptz FROM (SELECT *, row_number() OVER (" +
           order + ") AS place FROM (" + arms + ") a" + order + " LIMIT " + std::to_string(size) +
           " OFFSET " + std::to_string(offset) +
           ") p JOIN carillon.events e ON e.user_id = p.user_id AND e.sequence = p.sequence"
           " ORDER BY p.place";
  }

  const ListQuery& query_;
  PostgresParameters parameters_;
  const int user_;
  const PostgresFilter filter_;
};

/// Whether the counts alone say how many events pass the filter.
bool counted(engine::Filter filter) {
  filter.status.reset();
  return filter.matches_everything();
}

void fill_from_counts(const PostgresRows& rows, const ListQuery& query, EventPage& page) {
  const auto& filter = query.filter;
  for (int row = 0; row < rows.count(); ++row) {
    const auto unread = static_cast<std::uint64_t>(rows.int8(row, 1));
    const auto read = static_cast<std::uint64_t>(rows.int8(row, 2));
    page.count_by_severity[static_cast<std::size_t>(rows.int2(row, 0) & 7)] =
        filter.status == Status::read ? read : unread;
    if (!counted(filter)) continue;
    if (filter.status != Status::unread) page.read_count += read;
    if (filter.status != Status::read) page.total_count += unread;
  }
  page.total_count += page.read_count;
}

/// Whether something behind the cursor may have been removed.
bool is_gone(const PostgresRows& position, const ListQuery& query) {
  const auto own = query.user.is_nil() ? 0 : static_cast<engine::Sequence>(position.int8(0, 2));
  return query.after->user < own ||
         query.after->broadcast < static_cast<engine::Sequence>(position.int8(0, 3));
}

void fill_events(const PostgresRows& rows, const ListQuery& query, EventPage& page) {
  page.events.reserve(static_cast<std::size_t>(rows.count()));
  for (int row = 0; row < rows.count(); ++row)
    page.events.push_back(postgres_event_json(rows, row));
  if (!query.after && !query.before) return;
  page.cursor.position = query.after ? *query.after : *query.before;
  for (int row = 0; row < rows.count(); ++row) {
    const bool broadcast = rows.uuid(row, 1).is_nil();
    const auto sequence = static_cast<engine::Sequence>(rows.int8(row, 0));
    // A cut between this page and the next one.
    (broadcast ? page.cursor.position.broadcast : page.cursor.position.user) =
        query.after ? sequence : sequence - 1;
  }
}

/// Where the page begins; nullopt if no number of events reaches it.
std::optional<std::uint64_t> offset_of(const ListQuery& query, std::uint64_t size) {
  constexpr auto last = static_cast<std::uint64_t>(INT64_MAX);
  if (size == 0 || query.page > last / size) return std::nullopt;
  return query.page * size;
}

}  // namespace

Result<EventPage> read_page(PostgresConnection& connection,
                            Deadline deadline,
                            engine::Epoch epoch,
                            const ListQuery& query) {
  EventPage page;
  page.page = query.page;
  page.page_size = std::min(query.page_size, page_size_max);
  page.cursor.epoch = epoch;
  const bool by_cursor = query.after || query.before;
  const auto offset = offset_of(query, page.page_size);
  const bool wants_events = by_cursor ? page.page_size > 0 : offset.has_value();
  const bool wants_totals = !counted(query.filter);

  // All sent before the first answer is awaited: one round trip.
  PostgresParameters user;
  user.add_uuid(query.user);
  connection.send(severities_sql().c_str(), user);
  connection.send(position_sql().c_str(), user);
  PageSql sql{query};
  if (wants_totals) connection.send(sql.totals().c_str(), sql.parameters());
  if (wants_events) {
    const auto text =
        by_cursor ? sql.cursor_page(page.page_size) : sql.sorted_page(*offset, page.page_size);
    connection.send(text.c_str(), sql.parameters());
  }
  connection.sync();

  const auto severities = connection.take(deadline);
  if (!severities) return severities.error();
  fill_from_counts(*severities, query, page);
  const auto position = connection.take(deadline);
  if (!position) return position.error();
  if (query.after && is_gone(*position, query)) return engine::Error{engine::Errc::history_gone};
  if (!query.user.is_nil())
    page.cursor.position.user = static_cast<engine::Sequence>(position->int8(0, 0));
  page.cursor.position.broadcast = static_cast<engine::Sequence>(position->int8(0, 1));
  if (wants_totals) {
    const auto totals = connection.take(deadline);
    if (!totals) return totals.error();
    page.total_count = static_cast<std::uint64_t>(totals->int8(0, 0));
    page.read_count = static_cast<std::uint64_t>(totals->int8(0, 1));
  }
  if (wants_events) {
    const auto events = connection.take(deadline);
    if (!events) return events.error();
    fill_events(*events, query, page);
  }
  if (auto ended = connection.take_sync(deadline); !ended) return ended.error();
  return page;
}

}  // namespace carillon::persistence
