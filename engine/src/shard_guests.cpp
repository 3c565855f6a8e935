// The third part of Shard: subscriptions on another shard than their user's, and
// what shards hand to each other for them.
#include "engine/src/event_access.hpp"
#include "engine/src/shard.hpp"

#include <algorithm>
#include <memory>

namespace carillon::engine::detail {

void Shard::join_as_guest(SubscriptionState& state, Mailbox& mailbox) {
  auto& guests = mailbox.local.guests;
  if (guests == nullptr) guests = std::make_unique<std::vector<GuestShard>>();
  auto at = std::find_if(guests->begin(), guests->end(), [&state](const GuestShard& guest) {
    return guest.shard == state.guest_shard;
  });
  if (at == guests->end())
    at = guests->insert(at, {.shard = state.guest_shard, .group = new GuestGroup});
  ++at->subscriptions;
  // The join's reference goes with it.
  const Relayed item{
      .kind = Relayed::Kind::join, .group = at->group, .state = &state, .user = last_sequence_};
  at->shard->relay({&item, 1});
}

void Shard::leave_as_guest(SubscriptionState& state, Mailbox& mailbox) {
  auto& guests = mailbox.local.guests;
  const auto at = std::find_if(guests->begin(), guests->end(), [&state](const GuestShard& guest) {
    return guest.shard == state.guest_shard;
  });
  const Relayed item{.kind = Relayed::Kind::leave, .group = at->group, .state = &state};
  at->shard->relay({&item, 1});
  if (--at->subscriptions > 0) return;
  guests->erase(at);  // from here its name may be another group's
  if (guests->empty()) guests.reset();
}

void Shard::relay_deliveries(const Mailbox& mailbox) {
  for (const auto& guest : *mailbox.local.guests) {
    to_guests_.clear();
    for (const auto& delivery : deliveries_)
      to_guests_.push_back({.kind = Relayed::Kind::event,
                            .group = guest.group,
                            .event = EventRef::share(*delivery.event).detach(),
                            .user = delivery.position.user});
    guest.shard->relay(to_guests_);
  }
}

/// Then the user's events stay in its mailbox, whose bound its publishers feel.
bool Shard::guests_are_behind(const Mailbox& mailbox) const noexcept {
  if (mailbox.local.guests == nullptr) return false;
  // In stop() one thread runs all turns, one shard's until nothing is left.
  if (core_.draining.load(std::memory_order_relaxed)) return false;
  return std::any_of(mailbox.local.guests->begin(), mailbox.local.guests->end(),
                     [](const GuestShard& guest) { return guest.shard->relays_full_awaited(); });
}

bool Shard::relays_full_awaited() noexcept {
  if (!relays_full()) return false;
  // R2, R3 sequentially consistent, both: whoever comes second sees the other's store,
  // so that either this look finds room or settle_relayed_bytes finds the flag.
  relays_awaited_.store(true, std::memory_order_seq_cst);                                   // R2
  return relayed_bytes_.load(std::memory_order_seq_cst) >= core_.options.queued_bytes_max;  // R3
}

void Shard::settle_relayed_bytes(std::size_t bytes) noexcept {
  if (bytes == 0) return;
  const auto before = relayed_bytes_.fetch_sub(bytes, std::memory_order_seq_cst);  // R3
  if (before - bytes >= core_.options.queued_bytes_max) return;
  if (!relays_awaited_.exchange(false, std::memory_order_seq_cst)) return;  // R2
  for (const auto& shard : core_.shards)
    if (shard.get() != this) shard->announce();
}

void Shard::handle_relayed(std::span<const Relayed> items) {
  for (const auto& item : items) {
    if (item.event == nullptr) continue;
    __builtin_prefetch(item.event);
    __builtin_prefetch(reinterpret_cast<const std::byte*>(item.event) + 64);
  }
  std::size_t bytes = 0;
  for (std::size_t begin = 0; begin < items.size();) {
    const auto& first = items[begin];
    auto end = begin + 1;
    if (first.kind == Relayed::Kind::event) {
      for (; end < items.size() && items[end].kind == first.kind && items[end].group == first.group;
           ++end) {
      }
      for (const auto& item : items.subspan(begin, end - begin))
        deliveries_.push_back({.event = item.event,
                               .position = {.user = item.user, .broadcast = last_broadcast_},
                               .slot = slot_++});
      first.group->reached = items[end - 1].user;
      deliver_to_guests(*first.group);
    } else if (first.kind == Relayed::Kind::broadcast) {
      deliver_broadcast(*first.event);
    } else {
      handle_relayed_command(first);
    }
    begin = end;
  }
  for (const auto& item : items) {
    if (item.event == nullptr) continue;
    bytes += item.event->footprint_bytes();
    EventAccess::release_into(cache_, item.event);
  }
  settle_relayed_bytes(bytes);
}

void Shard::handle_relayed_command(const Relayed& item) {
  auto& state = *item.state;
  if (item.kind == Relayed::Kind::join) {
    auto& group = *item.group;
    if (group.subscriptions.empty()) {
      group.index = static_cast<std::uint32_t>(guests_.size());
      guests_.push_back(&group);
    }
    group.reached = item.user;
    state.index = static_cast<std::uint32_t>(group.subscriptions.size());
    group.subscriptions.push_back(&state);
    return state.sink->on_start({.user = item.user, .broadcast = last_broadcast_});
  }
  if (item.kind == Relayed::Kind::resume) {
    if (state.sink != nullptr) state.sink->on_resume();  // null: it left before
    return state.drop_reference();
  }
  if (item.group != nullptr) {
    auto& subscriptions = item.group->subscriptions;
    subscriptions.back()->index = state.index;
    subscriptions[state.index] = subscriptions.back();
    subscriptions.pop_back();
    if (subscriptions.empty()) {
      guests_.back()->index = item.group->index;
      guests_[item.group->index] = guests_.back();
      guests_.pop_back();
      delete item.group;
    }
  }
  end(state, EndReason::cancelled);
  state.drop_reference();
}

void Shard::deliver_to_guests(GuestGroup& group) {
  for (auto* state : group.subscriptions)
    deliver(*state, deliveries_);
  deliveries_.clear();
}

void Shard::settle_relays() {
  while (take_relays()) {
  }
}

void Shard::end_guests() {
  for (auto* group : guests_) {
    for (auto* state : group->subscriptions) {
      end(*state, EndReason::stopped);
      state->drop_reference();
    }
    delete group;
  }
  guests_.clear();
}

}  // namespace carillon::engine::detail
