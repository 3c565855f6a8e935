#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/inbox.hpp"

#include <algorithm>
#include <functional>
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

  // Retention: what a store must have removed once it has nothing more to do.

  /// Of each holder all up to the latest event that was created so early.
  void remove_created_until(engine::Timestamp time) {
    std::map<engine::UserId, engine::Sequence> ends;
    for (const auto& event : events_)
      if (event->created_at() <= time) {
        auto& end = ends[holder_of(*event)];
        end = std::max(end, event->sequence());
      }
    remove_if([&](const engine::Event& event) {
      const auto end = ends.find(holder_of(event));
      return end != ends.end() && event.sequence() <= end->second;
    });
  }
  /// All but the latest of each holder.
  void keep_latest(std::size_t count) {
    std::map<engine::UserId, std::vector<engine::Sequence>> sequences;
    for (const auto& event : events_)
      sequences[holder_of(*event)].push_back(event->sequence());
    for (auto& [holder, of_holder] : sequences)
      std::sort(of_holder.begin(), of_holder.end(), std::greater<>{});
    remove_if([&](const engine::Event& event) {
      const auto& of_holder = sequences[holder_of(event)];
      return of_holder.size() > count && event.sequence() <= of_holder[count];
    });
  }
  /// What its owner deleted by then.
  void remove_deleted_until(engine::Timestamp time) {
    remove_if([&](const engine::Event& event) {
      const auto state = states_.find({holder_of(event), event.sequence()});
      return state != states_.end() && state->second.deleted_at &&
             *state->second.deleted_at <= time;
    });
  }
  template <class Unwanted>
  void remove_if(Unwanted&& unwanted) {
    std::set<engine::Sequence> gone;
    for (const auto& event : events_)
      if (unwanted(*event)) gone.insert(event->sequence());
    for (const auto& event : events_)
      if (gone.contains(event->sequence())) raise_horizon(holder_of(*event), event->sequence());
    for (const auto& [place, change] : changes_)
      if (gone.contains(place.second)) raise_horizon(place.first, change);
    std::erase_if(events_, [&](const auto& event) { return gone.contains(event->sequence()); });
    std::erase_if(changes_, [&](const auto& change) { return gone.contains(change.first.second); });
    std::erase_if(states_, [&](const auto& state) { return gone.contains(state.first.second); });
  }
  /// Whether a reader with this position may have missed something that is gone.
  [[nodiscard]] bool is_gone(const engine::UserId& user, const engine::Position& after) const {
    const auto horizon = [this](const engine::UserId& owner) {
      const auto found = horizons_.find(owner);
      return found == horizons_.end() ? 0 : found->second;
    };
    return (!user.is_nil() && after.user < horizon(user)) || after.broadcast < horizon({});
  }
  [[nodiscard]] static engine::UserId holder_of(const engine::Event& event) {
    return event.audience() == engine::Audience::everyone ? engine::UserId{} : event.owner();
  }

  /// All that were published and not removed, deleted or not.
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
  void raise_horizon(const engine::UserId& owner, engine::Sequence sequence) {
    auto& horizon = horizons_[owner];
    horizon = std::max(horizon, sequence);
  }

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
      changes_[{change.user, event.sequence()}] = change.sequence;
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
             (query.before && sequence > part(*query.before));
    });
    if (!query.after) std::reverse(items.begin(), items.end());
    if (items.size() > query.page_size)
      items.erase(items.begin() + static_cast<std::ptrdiff_t>(query.page_size), items.end());
    page.cursor.position = query.after ? *query.after : *query.before;
    for (const auto& item : items)
      (item.broadcast() ? page.cursor.position.broadcast : page.cursor.position.user) =
          query.after ? item.event->sequence() : item.event->sequence() - 1;
  }

  std::vector<engine::EventRef> events_;
  std::map<std::pair<engine::UserId, engine::Sequence>, engine::EventState> states_;
  std::map<std::pair<engine::UserId, engine::Sequence>, engine::Sequence> changes_;
  std::map<engine::UserId, engine::Sequence> last_;
  std::map<engine::UserId, engine::Sequence> horizons_;
  engine::Sequence last_broadcast_ = 0;
};

}  // namespace carillon::testing
