// The list of an inbox: read_page of inbox_queries.hpp.
#include "carillon/persistence/store.hpp"
#include "persistence/src/inbox_queries.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"

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
using engine::Timestamp;

/// What is kept of an event that may be on the page.
struct Candidate {
  Timestamp time{};
  Sequence sequence = 0;
  EventState state;
  bool broadcast = false;
};

/// Keeps the first `count_max` candidates of the wanted order, in memory for
/// those alone.
class FirstCandidates {
 public:
  FirstCandidates(bool descending, std::uint64_t count_max)
      : descending_{descending}, count_max_{count_max} {}

  void offer(const Candidate& candidate) {
    if (count_max_ == 0) return;
    const auto order = [this](const Candidate& a, const Candidate& b) { return before(a, b); };
    if (heap_.size() == count_max_) {
      if (!before(candidate, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), order);
      heap_.pop_back();
    }
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end(), order);
  }

  /// In the wanted order, without the first `skip`.
  [[nodiscard]] std::vector<Candidate> take(std::uint64_t skip) && {
    std::sort_heap(heap_.begin(), heap_.end(),
                   [this](const Candidate& a, const Candidate& b) { return before(a, b); });
    const auto gone = std::min<std::uint64_t>(skip, heap_.size());
    heap_.erase(heap_.begin(), heap_.begin() + static_cast<std::ptrdiff_t>(gone));
    return std::move(heap_);
  }

 private:
  [[nodiscard]] bool before(const Candidate& a, const Candidate& b) const noexcept {
    const auto& first = descending_ ? b : a;
    const auto& second = descending_ ? a : b;
    return first.time != second.time ? first.time < second.time : first.sequence < second.sequence;
  }

  bool descending_;
  std::uint64_t count_max_;
  std::vector<Candidate> heap_;  // the last of them in front
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

/// REQUIRES that totals known from counts are in `page` already.
Result<void> read_sorted(const Rows& rows,
                         const ListQuery& query,
                         bool totals_known,
                         EventPage& page) {
  constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();
  const auto skip = query.page > no_limit / page.page_size ? no_limit : query.page * page.page_size;
  if (totals_known && skip >= page.total_count) return {};
  const auto wanted = skip > no_limit - page.page_size ? no_limit : skip + page.page_size;

  FirstCandidates first{query.descending, wanted};
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

  std::string bytes;
  for (const auto& candidate : std::move(first).take(skip)) {
    const auto key =
        sequence_key(candidate.broadcast ? broadcasts_owner : query.user, candidate.sequence);
    const auto there = rows.get(Table::events, key, bytes);
    if (!there) return there.error();
    const auto event = *there ? decode_event(bytes, candidate.sequence) : std::nullopt;
    if (!event) return damaged("an event", key);
    page.events.push_back(event_json(*event, candidate.state));
  }
  return {};
}

Result<void> count_filtered(const Rows& rows, const ListQuery& query, EventPage& page) {
  InboxScan scan{rows, query.user, Direction::ascending};
  while (const auto* row = scan.next())
    if (query.filter.matches(row->event, row->state.status)) count(*row, page);
  return scan.outcome();
}

/// Paging by cursor reads the page alone, from its place in the order.
Result<void> read_from_position(const Rows& rows, const ListQuery& query, EventPage& page) {
  const auto direction = query.after ? Direction::ascending : Direction::descending;
  const auto start = query.after ? query.after : query.before;
  auto position = *start;
  InboxScan scan{rows, query.user, direction, start};
  while (page.events.size() < page.page_size) {
    const auto* row = scan.next();
    if (row == nullptr) break;
    // `after` and `before` together name a range.
    if (query.after && query.before) {
      const auto end = row->broadcast() ? query.before->broadcast : query.before->user;
      if (row->event.sequence >= end) continue;
    }
    if (!query.filter.matches(row->event, row->state.status)) continue;
    (row->broadcast() ? position.broadcast : position.user) = row->event.sequence;
    page.events.push_back(event_json(row->event, row->state));
  }
  page.cursor.position = position;
  return scan.outcome();
}

}  // namespace

Result<EventPage> read_page(const Rows& rows, engine::Epoch epoch, const ListQuery& query) {
  EventPage page;
  page.page = query.page;
  page.page_size = std::min(query.page_size, page_size_max);
  const auto counts = read_counts(rows, query.user);
  if (!counts) return counts.error();
  page.cursor = {.epoch = epoch, .position = counts->position};
  const auto counted_status = query.filter.status.value_or(Status::unread);
  for (const auto severity : engine::all_severities)
    page.count_by_severity[static_cast<std::size_t>(severity)] =
        counts->counters.count(counted_status, severity);

  const bool totals_known = counted(query.filter);
  if (totals_known) fill_totals_from_counts(query.filter, counts->counters, page);
  const bool by_cursor = query.after || query.before;
  if (!totals_known && (by_cursor || page.page_size == 0))
    if (auto done = count_filtered(rows, query, page); !done) return done.error();
  if (page.page_size == 0) return page;
  auto done = by_cursor ? read_from_position(rows, query, page)
                        : read_sorted(rows, query, totals_known, page);
  if (!done) return done.error();
  return page;
}

}  // namespace carillon::persistence
