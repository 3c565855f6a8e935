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

enum class SortKey : std::uint8_t { created_at, updated_at };

/// A page of one user's inbox, system-wide events included, deleted excluded.
struct ListQuery {
  UserId user{};
  Filter filter{};
  SortKey sort = SortKey::updated_at;  ///< ties are broken by sequence
  bool descending = true;
  std::uint64_t page = 0;  ///< 0-based
  std::uint64_t page_size = 25;
  /// Cursor paging, instead of page and sort: the `page_size` events after (in
  /// ascending order) or before (in descending order) this position.
  std::optional<Position> after{};
  std::optional<Position> before{};
};

struct EventPage {
  std::uint64_t page = 0;
  std::uint64_t page_size = 0;
  std::uint64_t total_count = 0;  ///< of the filtered set
  std::uint64_t read_count = 0;   ///< read events of the filtered set
  /// By severity, whatever the other filters: of the status that the filter
  /// asks for, else of unread events.
  std::array<std::uint64_t, severity_count> count_by_severity{};
  std::vector<std::string> events{};  ///< each one's JSON, in the order asked for
  /// The user's position in the snapshot that was read: subscribing after it
  /// continues without gap or duplicate. With cursor paging: of the page's last
  /// event, so that it leads to the next page.
  Cursor cursor{};
};

struct Aggregate {
  std::uint64_t total = 0;
  std::array<std::uint64_t, status_count> by_status{};
  std::array<std::uint64_t, severity_count> by_severity{};
  std::map<std::string, std::uint64_t> by_category{};
};

struct Kind {
  std::string category{};
  std::string action{};
  friend auto operator<=>(const Kind&, const Kind&) = default;
};

/// Whether the store behind an inbox takes writes, for health checks.
struct InboxHealth {
  bool writable = true;
  std::string reason{};  ///< if not writable: what is wrong, for a person
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

  template <class T>
  using Done = std::function<void(Result<T>)>;

  virtual void list(ListQuery query, Done<EventPage> done) = 0;
  /// The event's JSON; Errc::not_found if it is not in this user's inbox.
  virtual void get(const UserId& user, const EventId& id, Done<std::string> done) = 0;
  virtual void aggregate(const UserId& user, Done<Aggregate> done) = 0;
  /// Distinct kinds in this user's inbox, sorted.
  virtual void kinds(const UserId& user, Done<std::vector<Kind>> done) = 0;

  [[nodiscard]] virtual InboxHealth health() const = 0;
};

}  // namespace carillon::engine
