#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/filter.hpp"
#include "carillon/engine/result.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace carillon::engine {

/// By which time a list is sorted.
enum class SortKey : std::uint8_t {
  created_at,  ///< when the event was sequenced
  updated_at,  ///< when it changed last, at first the same
};

/// A page of one user's inbox, system-wide events included, deleted excluded.
struct ListQuery {
  UserId user{};                       ///< whose inbox
  Filter filter{};                     ///< which events
  SortKey sort = SortKey::updated_at;  ///< ties are broken by sequence
  bool descending = true;              ///< latest first
  std::uint64_t page = 0;              ///< 0-based
  std::uint64_t page_size = 25;        ///< events
  /// Cursor paging, instead of page and sort. A position is a cut in each order, behind
  /// the event of that sequence: `after` it come the first `page_size` later ones, in
  /// ascending order, `before` it the latest that are not later, in descending order.
  /// `after` one from which the history is not whole any more fails with
  /// Errc::history_gone; `before` ends where the history begins.
  std::optional<Position> after{};
  std::optional<Position> before{};  ///< see `after`
};

/// The answer to a ListQuery.
struct EventPage {
  std::uint64_t page = 0;         ///< as asked for
  std::uint64_t page_size = 0;    ///< as asked for
  std::uint64_t total_count = 0;  ///< of the filtered set
  std::uint64_t read_count = 0;   ///< read events of the filtered set
  /// By severity, whatever the other filters: of the status that the filter
  /// asks for, else of unread events.
  std::array<std::uint64_t, severity_count> count_by_severity{};
  std::vector<std::string> events{};  ///< each one's JSON, in the order asked for
  /// The user's position in the snapshot that was read: subscribing after it
  /// continues without gap or duplicate. With cursor paging: the cut at the page's other
  /// end than the query's, so that it leads to the next page, and the query's own back.
  Cursor cursor{};
};

/// Numbers of events in one user's inbox, system-wide ones included.
struct Aggregate {
  std::uint64_t total = 0;                                  ///< all of them
  std::array<std::uint64_t, status_count> by_status{};      ///< index: Status
  std::array<std::uint64_t, severity_count> by_severity{};  ///< index: Severity
  std::map<std::string, std::uint64_t> by_category{};       ///< only those that occur
};

/// What sort of event: category and action together.
struct Kind {
  std::string category{};  ///< as published
  std::string action{};    ///< as published
  /// By category, then by action.
  friend auto operator<=>(const Kind&, const Kind&) = default;
};

/// Whether the store behind an inbox takes writes, for health checks.
struct InboxHealth {
  bool writable = true;  ///< whether what is published now can become durable
  /// For a person: what is wrong, if not writable; else empty, or what readers have met.
  std::string reason{};
};

/// Reads of the users' inboxes: what `net` asks and a store answers. Changes go
/// through Broadcaster::apply, because they take a place in the order.
///
/// Threads   All methods: any thread. `done` runs exactly once, on a reader
///           thread of the store; it must not block.
/// Order     A read sees every event and change that was acknowledged before it
///           was asked, and of each user a prefix of its order.
/// Progress  Never blocks; when too many reads wait, `done` gets Errc::unavailable.
class Inbox {
 public:
  Inbox() = default;
  virtual ~Inbox() = default;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Who is told an answer.
  template <class T>
  using Done = std::function<void(Result<T>)>;

  /// One page, and the counts that go with it; see ListQuery for Errc::history_gone.
  virtual void list(ListQuery query, Done<EventPage> done) = 0;
  /// The event's JSON; Errc::not_found if it is not in this user's inbox.
  virtual void get(const UserId& user, const EventId& id, Done<std::string> done) = 0;
  /// All counts of this user's inbox.
  virtual void aggregate(const UserId& user, Done<Aggregate> done) = 0;
  /// Distinct kinds in this user's inbox, sorted.
  virtual void kinds(const UserId& user, Done<std::vector<Kind>> done) = 0;

  /// The state now, for health checks.
  [[nodiscard]] virtual InboxHealth health() const = 0;
};

}  // namespace carillon::engine
