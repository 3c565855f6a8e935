#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/inbox.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace carillon::testing {

/// What a store must answer, computed the slow way: a list of all events, and
/// per user and event what became of it. The judge of the conformance tests.
class InboxModel {
 public:
  struct Item {
    engine::EventRef event;
    engine::EventState state;

    [[nodiscard]] bool broadcast() const { return event->audience() == engine::Audience::everyone; }
    [[nodiscard]] std::string json() const {
      std::string text{event->view().body_json};
      engine::append_event_tail(text, state, event->created_at(), event->sequence());
      return text;
    }
  };

  /// Applies the entry; of a change, returns the ids that it must affect.
  std::vector<engine::EventId> apply(const engine::LogEntry& entry) {
    if (entry.event) {
      const bool known = entry.event->id_from_publisher() && find(*entry.event);
      if (!known) events_.push_back(entry.event);
      const bool broadcast = entry.event->audience() == engine::Audience::everyone;
      auto& last = broadcast ? last_broadcast_ : last_[entry.event->owner()];
      last = std::max(last, entry.sequence);
      return {};
    }
    last_[entry.change->user] = std::max(last_[entry.change->user], entry.sequence);
    return apply_change(*entry.change);
  }

  /// The inbox in the order of sequences, without what is deleted.
  [[nodiscard]] std::vector<Item> inbox(const engine::UserId& user) const {
    std::vector<Item> items;
    for (const auto& event : events_) {
      const bool broadcast = event->audience() == engine::Audience::everyone;
      if (!broadcast && event->owner() != user) continue;
      const auto state = state_of(*event, user);
      if (!state.deleted_at) items.push_back({event, state});
    }
    std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
      return a.event->sequence() < b.event->sequence();
    });
    return items;
  }

  /// All that were ever published, deleted or not.
  [[nodiscard]] const std::vector<engine::EventRef>& events() const { return events_; }

  [[nodiscard]] engine::EventPage page(const engine::ListQuery& query) const {
    engine::EventPage page;
    page.page = query.page;
    page.page_size = query.page_size;
    page.cursor.position = position(query.user);
    std::vector<Item> items;
    for (auto& item : inbox(query.user)) {
      const auto status = item.state.status;
      if (status == query.filter.status.value_or(engine::Status::unread))
        ++page.count_by_severity[static_cast<std::size_t>(item.event->severity())];
      if (!query.filter.matches(item.event->view(), status)) continue;
      ++page.total_count;
      if (status == engine::Status::read) ++page.read_count;
      items.push_back(std::move(item));
    }
    if (query.after || query.before) {
      cut_by_cursor(query, items, page);
    } else {
      cut_by_page(query, items);
    }
    for (const auto& item : items)
      page.events.push_back(item.json());
    return page;
  }

  [[nodiscard]] engine::Aggregate aggregate(const engine::UserId& user) const {
    engine::Aggregate sums;
    for (const auto& item : inbox(user)) {
      ++sums.total;
      ++sums.by_status[static_cast<std::size_t>(item.state.status)];
      ++sums.by_severity[static_cast<std::size_t>(item.event->severity())];
      ++sums.by_category[std::string{item.event->category()}];
    }
    return sums;
  }

  [[nodiscard]] std::vector<engine::Kind> kinds(const engine::UserId& user) const {
    std::set<engine::Kind> kinds;
    for (const auto& item : inbox(user))
      kinds.insert({std::string{item.event->category()}, std::string{item.event->action()}});
    return {kinds.begin(), kinds.end()};
  }

  [[nodiscard]] engine::Position position(const engine::UserId& user) const {
    const auto last = last_.find(user);
    return {.user = last == last_.end() ? 0 : last->second, .broadcast = last_broadcast_};
  }

 private:
  /// Whether there is an event of this owner under this id.
  [[nodiscard]] bool find(const engine::Event& wanted) const {
    return std::any_of(events_.begin(), events_.end(), [&](const engine::EventRef& event) {
      return event->id() == wanted.id() && event->audience() == wanted.audience() &&
             event->owner() == wanted.owner();
    });
  }

  [[nodiscard]] engine::EventState state_of(const engine::Event& event,
                                            const engine::UserId& user) const {
    const auto found = states_.find({user, event.sequence()});
    if (found != states_.end()) return found->second;
    return {event.initial_status(), event.created_at(), {}};
  }

  std::vector<engine::EventId> apply_change(const engine::Change& change) {
    std::vector<engine::EventId> affected;
    for (const auto& item : inbox(change.user)) {
      const auto& event = *item.event;
      if (!change.ids.empty()) {
        if (std::find(change.ids.begin(), change.ids.end(), event.id()) == change.ids.end())
          continue;
      } else {
        if (!change.filter || !change.filter->matches(event.view(), item.state.status)) continue;
        if (change.up_to &&
            event.sequence() > (item.broadcast() ? change.up_to->broadcast : change.up_to->user))
          continue;
      }
      affected.push_back(event.id());
      auto state = item.state;
      if (change.kind == engine::Change::Kind::remove) {
        state.deleted_at = change.at;
      } else if (state.status == change.status) {
        continue;
      } else {
        state.status = change.status;
      }
      state.updated_at = change.at;
      states_[{change.user, event.sequence()}] = state;
    }
    return affected;
  }

  static void cut_by_page(const engine::ListQuery& query, std::vector<Item>& items) {
    std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
      const auto key = [&](const Item& item) {
        return std::pair{query.sort == engine::SortKey::created_at ? item.event->created_at()
                                                                   : item.state.updated_at,
                         item.event->sequence()};
      };
      return query.descending ? key(b) < key(a) : key(a) < key(b);
    });
    const auto begin = std::min<std::size_t>(query.page * query.page_size, items.size());
    const auto end = std::min<std::size_t>(begin + query.page_size, items.size());
    items = {items.begin() + static_cast<std::ptrdiff_t>(begin),
             items.begin() + static_cast<std::ptrdiff_t>(end)};
  }

  static void cut_by_cursor(const engine::ListQuery& query,
                            std::vector<Item>& items,
                            engine::EventPage& page) {
    std::erase_if(items, [&](const Item& item) {
      const auto sequence = item.event->sequence();
      const auto part = [&](const engine::Position& position) {
        return item.broadcast() ? position.broadcast : position.user;
      };
      return (query.after && sequence <= part(*query.after)) ||
             (query.before && sequence >= part(*query.before));
    });
    if (!query.after) std::reverse(items.begin(), items.end());
    if (items.size() > query.page_size)
      items.erase(items.begin() + static_cast<std::ptrdiff_t>(query.page_size), items.end());
    page.cursor.position = query.after ? *query.after : *query.before;
    for (const auto& item : items)
      (item.broadcast() ? page.cursor.position.broadcast : page.cursor.position.user) =
          item.event->sequence();
  }

  std::vector<engine::EventRef> events_;
  std::map<std::pair<engine::UserId, engine::Sequence>, engine::EventState> states_;
  std::map<engine::UserId, engine::Sequence> last_;
  engine::Sequence last_broadcast_ = 0;
};

}  // namespace carillon::testing
