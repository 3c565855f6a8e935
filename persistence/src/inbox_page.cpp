// The list of an inbox: list_inbox of inbox_queries.hpp.
#include "carillon/persistence/store.hpp"
#include "persistence/src/columns_cache.hpp"
#include "persistence/src/columns_select.hpp"
#include "persistence/src/inbox_queries.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/retention_rows.hpp"

#include <algorithm>
#include <limits>

namespace carillon::persistence {
namespace {

using engine::EventPage;
using engine::EventState;
using engine::ListQuery;
using engine::Result;
using engine::Sequence;
using engine::SortKey;
using engine::Status;

/// Keeps the first `count_max` candidates of the wanted order, in memory for
/// those alone.
class FirstRows {
 public:
  FirstRows(bool descending, std::uint64_t count_max)
      : descending_{descending}, count_max_{count_max} {}

  void offer(const PageRow& candidate) {
    if (count_max_ == 0) return;
    const auto order = [this](const PageRow& a, const PageRow& b) { return before(a, b); };
    if (heap_.size() == count_max_) {
      if (!before(candidate, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), order);
      heap_.pop_back();
    }
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end(), order);
  }

  /// In the wanted order, without the first `skip`.
  [[nodiscard]] std::vector<PageRow> take(std::uint64_t skip) && {
    std::sort_heap(heap_.begin(), heap_.end(),
                   [this](const PageRow& a, const PageRow& b) { return before(a, b); });
    const auto gone = std::min<std::uint64_t>(skip, heap_.size());
    heap_.erase(heap_.begin(), heap_.begin() + static_cast<std::ptrdiff_t>(gone));
    return std::move(heap_);
  }

 private:
  [[nodiscard]] bool before(const PageRow& a, const PageRow& b) const noexcept {
    const auto& first = descending_ ? b : a;
    const auto& second = descending_ ? a : b;
    return first.time != second.time ? first.time < second.time : first.sequence < second.sequence;
  }

  bool descending_;
  std::uint64_t count_max_;
  std::vector<PageRow> heap_;  // the last of them in front
};

/// Whether the counts alone say how many events pass the filter.
bool counted(const engine::Filter& filter) {
  if (filter.matches_everything()) return true;
  if (!filter.status) return false;
  engine::Filter rest = filter;
  rest.status.reset();
  return rest.matches_everything();
}

void fill_totals_from_counts(const engine::Filter& filter,
                             const Counters& counters,
                             EventPage& page) {
  for (const auto severity : engine::all_severities) {
    const auto read = counters.count(Status::read, severity);
    const auto unread = counters.count(Status::unread, severity);
    if (filter.status != Status::unread) page.read_count += read;
    if (filter.status != Status::read) page.total_count += unread;
  }
  page.total_count += page.read_count;
}

void count(const InboxRow& row, EventPage& page) {
  ++page.total_count;
  if (row.state.status == Status::read) ++page.read_count;
}

/// Adds the events of these rows to the page.
Result<void> fetch(const Rows& rows,
                   const engine::UserId& user,
                   const std::vector<PageRow>& wanted,
                   EventPage& page) {
  std::string bytes;
  for (const auto& row : wanted) {
    const auto key = sequence_key(row.broadcast ? broadcasts_owner : user, row.sequence);
    const auto there = rows.get(Table::events, key, bytes);
    if (!there) return there.error();
    const auto event = *there ? decode_event(bytes, row.sequence) : std::nullopt;
    if (!event) return damaged("an event", key);
    page.events.push_back(event_json(*event, row.state));
  }
  return {};
}

/// Whether nothing behind the cursor was removed.
Result<void> check_history(const Rows& rows, const ListQuery& query) {
  if (!query.after) return {};
  const auto horizon = read_horizon(rows, query.user);
  if (!horizon) return horizon.error();
  if (query.after->user >= horizon->user && query.after->broadcast >= horizon->broadcast) return {};
  return engine::Error{engine::Errc::history_gone};
}

/// How many events the wanted page comes after.
std::uint64_t skipped_by(const ListQuery& query, std::uint64_t page_size) {
  constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();
  return query.page > no_limit / page_size ? no_limit : query.page * page_size;
}

/// REQUIRES that totals known from counts are in `page` already.
Result<void> read_sorted(const Rows& rows,
                         const ListQuery& query,
                         bool totals_known,
                         EventPage& page) {
  constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();
  const auto skip = skipped_by(query, page.page_size);
  if (totals_known && skip >= page.total_count) return {};
  const auto wanted = skip > no_limit - page.page_size ? no_limit : skip + page.page_size;

  FirstRows first{query.descending, wanted};
  InboxScan scan{rows, query.user, Direction::ascending};
  while (const auto* row = scan.next()) {
    if (!query.filter.matches(row->event, row->state.status)) continue;
    if (!totals_known) count(*row, page);
    first.offer(
        {.time = query.sort == SortKey::created_at ? row->event.created_at : row->state.updated_at,
         .sequence = row->event.sequence,
         .state = row->state,
         .broadcast = row->broadcast()});
  }
  if (!scan.outcome()) return scan.outcome();

  return fetch(rows, query.user, std::move(first).take(skip), page);
}

Result<void> count_filtered(const Rows& rows, const ListQuery& query, EventPage& page) {
  InboxScan scan{rows, query.user, Direction::ascending};
  while (const auto* row = scan.next())
    if (query.filter.matches(row->event, row->state.status)) count(*row, page);
  return scan.outcome();
}

/// Moves the page's cursor past this event: it is a cut between what the page holds and what
/// the next one does, so that paging the other way from it finds the page again.
void pass(const ListQuery& query, bool broadcast, Sequence sequence, EventPage& page) {
  auto& position = page.cursor.position;
  (broadcast ? position.broadcast : position.user) = query.after ? sequence : sequence - 1;
}

/// Paging by cursor reads the page alone, from its place in the order.
Result<void> read_from_position(const Rows& rows, const ListQuery& query, EventPage& page) {
  const auto direction = query.after ? Direction::ascending : Direction::descending;
  const auto start = query.after ? query.after : query.before;
  page.cursor.position = *start;
  InboxScan scan{rows, query.user, direction, start};
  while (page.events.size() < page.page_size) {
    const auto* row = scan.next();
    if (row == nullptr) break;
    // `after` and `before` together name a range.
    if (query.after && query.before) {
      const auto end = row->broadcast() ? query.before->broadcast : query.before->user;
      if (row->event.sequence > end) continue;
    }
    if (!query.filter.matches(row->event, row->state.status)) continue;
    pass(query, row->broadcast(), row->event.sequence, page);
    page.events.push_back(event_json(row->event, row->state));
  }
  return scan.outcome();
}

Result<void> read_from_columns(const Rows& rows,
                               const InboxView& columns,
                               const ListQuery& query,
                               EventPage& page) {
  const MatchedRows matched{columns, query.filter};
  page.total_count = matched.total();
  page.read_count = matched.read();
  if (page.page_size == 0) return {};
  if (!query.after && !query.before) {
    const Slice slice{.sort = query.sort,
                      .descending = query.descending,
                      .skip = skipped_by(query, page.page_size),
                      .count = page.page_size};
    return fetch(rows, query.user, select_slice(matched, slice), page);
  }
  const auto wanted = select_from_position(matched, query, page.page_size);
  page.cursor.position = query.after ? *query.after : *query.before;
  for (const auto& row : wanted)
    pass(query, row.broadcast, row.sequence, page);
  return fetch(rows, query.user, wanted, page);
}

Result<void> read_from_rows(const Rows& rows,
                            const ListQuery& query,
                            bool totals_known,
                            EventPage& page) {
  const bool by_cursor = query.after || query.before;
  if (!totals_known && (by_cursor || page.page_size == 0))
    if (auto done = count_filtered(rows, query, page); !done) return done;
  if (page.page_size == 0) return {};
  return by_cursor ? read_from_position(rows, query, page)
                   : read_sorted(rows, query, totals_known, page);
}

}  // namespace

Result<EventPage> list_inbox(ColumnsCache& columns, engine::Epoch epoch, const ListQuery& query) {
  auto moment = columns.moment(query.user);
  if (auto reaches = check_history(*moment.rows, query); !reaches) return reaches.error();
  auto counts = read_counts(*moment.rows, query.user);
  if (!counts) return counts.error();
  const bool totals_known = counted(query.filter);
  const bool by_cursor = query.after || query.before;
  // A page by cursor without a filter is read from its place on.
  const bool looks_at_all = !totals_known || (!by_cursor && query.page_size != 0);
  if (looks_at_all && !moment.inbox && columns.worth_building(counts->total())) {
    const auto built = columns.build(query.user);
    if (!built) return built.error();
    if (*built) {
      moment = columns.moment(query.user);
      if (auto reaches = check_history(*moment.rows, query); !reaches) return reaches.error();
      counts = read_counts(*moment.rows, query.user);
      if (!counts) return counts.error();
    }
  }

  EventPage page;
  page.page = query.page;
  page.page_size = std::min(query.page_size, page_size_max);
  page.cursor = {.epoch = epoch, .position = counts->position};
  const auto counted_status = query.filter.status.value_or(Status::unread);
  for (const auto severity : engine::all_severities)
    page.count_by_severity[static_cast<std::size_t>(severity)] =
        counts->counters.count(counted_status, severity);
  if (totals_known) fill_totals_from_counts(query.filter, counts->counters, page);
  auto done = looks_at_all && moment.inbox
                  ? read_from_columns(*moment.rows, *moment.inbox, query, page)
                  : read_from_rows(*moment.rows, query, totals_known, page);
  if (!done) return done.error();
  return page;
}

}  // namespace carillon::persistence
