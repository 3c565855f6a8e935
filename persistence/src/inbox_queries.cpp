#include "persistence/src/inbox_queries.hpp"

#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"

#include <map>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Aggregate;
using engine::Errc;
using engine::EventId;
using engine::Kind;
using engine::Result;
using engine::UserId;

constexpr engine::Status all_statuses[] = {engine::Status::unread, engine::Status::read};

using KindCounts = std::map<Kind, std::int64_t>;

/// Adds the rows of one owner: a user's, or those of all broadcasts.
Result<void> add_kinds(const Rows& rows, const UserId& owner, KindCounts& into) {
  const auto prefix = bytes_of(owner);
  const auto range = rows.range(Table::kinds, prefix, prefix, Direction::ascending);
  for (; range->valid(); range->next()) {
    const auto words = range->key().substr(prefix_bytes);
    const auto nul = words.find('\0');
    Counters count;
    if (nul == std::string_view::npos || !add_encoded(count, range->value()))
      return damaged("a kind", range->key());
    into[{.category = std::string{words.substr(0, nul)},
          .action = std::string{words.substr(nul + 1)}}] += count.lanes[kind_lane];
  }
  return range->outcome();
}

Result<KindCounts> count_kinds(const Rows& rows, const UserId& user) {
  KindCounts counts;
  if (auto added = add_kinds(rows, broadcasts_owner, counts); !added) return added.error();
  if (!user.is_nil())
    if (auto added = add_kinds(rows, user, counts); !added) return added.error();
  std::erase_if(counts, [](const auto& kind) { return kind.second <= 0; });
  return counts;
}

}  // namespace

Result<std::string> read_event(const Rows& rows, const UserId& user, const EventId& id) {
  const auto found = find_in_inbox(rows, user, id);
  if (!found) return found.error();
  if (!*found) return Errc::not_found;
  return event_json((*found)->row.event, (*found)->row.state);
}

Result<std::optional<std::string>> read_published(const Rows& rows,
                                                  const UserId& owner,
                                                  const EventId& id) {
  const auto found = find_event(rows, owner, owner, id);
  if (!found) return found.error();
  if (!*found) return std::optional<std::string>{};
  return std::optional{event_json((*found)->row.event, (*found)->row.state)};
}

Result<Aggregate> read_aggregate(const Rows& rows, const UserId& user) {
  const auto counts = read_counts(rows, user);
  if (!counts) return counts.error();
  const auto kinds = count_kinds(rows, user);
  if (!kinds) return kinds.error();
  Aggregate aggregate;
  for (const auto status : all_statuses) {
    for (const auto severity : engine::all_severities) {
      const auto count = counts->counters.count(status, severity);
      aggregate.total += count;
      aggregate.by_status[static_cast<std::size_t>(status)] += count;
      aggregate.by_severity[static_cast<std::size_t>(severity)] += count;
    }
  }
  for (const auto& [kind, count] : *kinds)
    aggregate.by_category[kind.category] += static_cast<std::uint64_t>(count);
  return aggregate;
}

Result<std::vector<Kind>> read_kinds(const Rows& rows, const UserId& user) {
  auto counts = count_kinds(rows, user);
  if (!counts) return counts.error();
  std::vector<Kind> kinds;
  kinds.reserve(counts->size());
  while (!counts->empty())
    kinds.push_back(std::move(counts->extract(counts->begin()).key()));
  return kinds;
}

}  // namespace carillon::persistence
