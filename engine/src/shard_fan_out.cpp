// The second half of Shard: what happens to a node at its place in the order.
#include "engine/src/assert.hpp"
#include "engine/src/event_access.hpp"
#include "engine/src/shard.hpp"

#include <algorithm>

namespace carillon::engine::detail {

void Shard::handle(Node& node, Mailbox* mailbox) {
  switch (node.kind) {
    case Node::Kind::event:
      return handle_event(static_cast<Event&>(node), mailbox);
    case Node::Kind::change:
      return handle_change(static_cast<ChangeNode*>(&node));
    case Node::Kind::join:
      return handle_join(SubscriptionState::of(node), mailbox);
    case Node::Kind::leave:
      return handle_leave(SubscriptionState::of(node));
    case Node::Kind::resume:
      return handle_resume(SubscriptionState::of(node));
    case Node::Kind::lookup_done:
      return handle_lookup(static_cast<Claim&>(node), mailbox);
  }
}

void Shard::handle_event(Event& event, Mailbox* mailbox) {
  add(accepted_, 1);
  if (!EventAccess::id_from_publisher(event) || core_.log == nullptr)
    return sequence_event(event, mailbox);
  const auto [claim, fresh] = claims_.take(event);
  if (!fresh) return;  // the first one with this id answers for it
  ++lookups_outstanding_;
  lookup_threads_.fetch_add(1, std::memory_order_relaxed);  // the callback follows
  core_.log->find(event.owner(), event.id(),
                  [this, found = &claim](Result<std::optional<std::string>> json) {
                    found->found = std::move(json);
                    push_own(found);
                    // L2 release: the last access, so that stop() may go on to
                    // the end of this shard (L1).
                    lookup_threads_.fetch_sub(1, std::memory_order_release);
                  });
}

void Shard::handle_lookup(Claim& claim, Mailbox* mailbox) {
  --lookups_outstanding_;
  auto& event = *std::exchange(claim.event, nullptr);
  if (claim.found && !*claim.found) {
    claim.sequenced = EventRef::share(event);
    EventAccess::set_claimed(event);  // its commit releases the claim
    return sequence_event(event, mailbox);
  }
  claim.waiters.insert(claim.waiters.begin(), &event);
  for (auto* refused : claim.waiters) {
    if (claim.found) {
      refuse_duplicate(*refused, **claim.found);
    } else {
      refuse(*refused, {.outcome = AckOutcome::failed});
    }
  }
  claim.waiters.clear();
  claims_.drop(ClaimKey{claim.key});  // a copy: the claim dies in there
}

void Shard::refuse_duplicate(Event& event, const std::string& first_json) {
  add(duplicates_, 1);
  refuse(event, {.outcome = AckOutcome::duplicate, .first_json = first_json});
}

void Shard::refuse(Event& event, Ack ack) {
  give_back(event.footprint_bytes());
  const auto request = EventAccess::ack_of(event);
  ack.event = EventRef::adopt(&event);
  acks_.add(request, std::move(ack));
}

void Shard::sequence_event(Event& event, Mailbox* mailbox) {
  if (event.audience() == Audience::everyone) return sequence_broadcast(event);
  last_sequence_ = next_sequence();
  EventAccess::sequence(event, last_sequence_, tail());
  if (mailbox != nullptr && mailbox->local.heard())
    deliveries_.push_back({.event = &event,
                           .position = {.user = last_sequence_, .broadcast = last_broadcast_},
                           .slot = slot_++});
  keep_for_log(event);
}

void Shard::sequence_broadcast(Event& event) {
  EventAccess::sequence(event, next_sequence(), tail());
  if (core_.shards.size() > 1) to_relay_.push_back(EventRef::share(event));
  deliver_broadcast(event);
  keep_for_log(event);
}

void Shard::keep_for_log(Event& event) {
  ++events_of_turn_;
  add(sequenced_, 1);
  const auto request = EventAccess::ack_of(event);
  const auto bytes = event.footprint_bytes();
  const bool logged = core_.log != nullptr;
  if (request.sink != nullptr && (!logged || request.at == AckAt::sequencing))
    acks_.add(request, {.outcome = request.at == AckAt::sequencing ? AckOutcome::sequenced
                                                                   : AckOutcome::durable,
                        .event = EventRef::share(event)});
  if (!logged) {
    done_bytes_ += bytes;
    done_.push_back(&event);
    return;
  }
  LogEntry entry;
  entry.sequence = event.sequence();
  entry.event = EventRef::adopt(&event);
  entry.shard = index_;
  entry.bytes = static_cast<std::uint32_t>(bytes);
  entries_.push_back(std::move(entry));
}

void Shard::handle_change(ChangeNode* node) {
  const std::unique_ptr<ChangeNode> owned{node};
  if (core_.log == nullptr) {
    done_bytes_ += owned->bytes;
    return acks_.add(owned->ack, {.outcome = AckOutcome::failed, .change = owned->change});
  }
  add(sequenced_, 1);
  last_sequence_ = next_sequence();
  owned->change->sequence = last_sequence_;
  owned->change->at = now_;
  if (owned->ack.at == AckAt::sequencing)
    acks_.add(owned->ack, {.outcome = AckOutcome::sequenced, .change = owned->change});
  LogEntry entry;
  entry.sequence = last_sequence_;
  entry.change = std::move(owned->change);
  entry.ack = owned->ack;
  entry.shard = index_;
  entry.bytes = owned->bytes;
  entries_.push_back(std::move(entry));
}

void Shard::handle_join(SubscriptionState& state, Mailbox* mailbox) {
  if (state.left) {  // cancelled by another thread, whose command came first
    if (state.guest_shard != nullptr) {
      const Relayed item{.kind = Relayed::Kind::leave, .state = &state};
      return state.guest_shard->relay({&item, 1});
    }
    end(state, EndReason::cancelled);
    return state.drop_reference();
  }
  state.take_join();
  if (mailbox == nullptr) mailbox = &open_mailbox(state.user);
  fan_out(*mailbox);  // what came before belongs to those who were here
  add(subscriptions_, 1);
  state.mailbox = mailbox;
  if (state.guest_shard != nullptr) return join_as_guest(state, *mailbox);
  auto& local = mailbox->local;
  if (local.subscriptions.empty()) {
    local.active_index = static_cast<std::uint32_t>(active_.size());
    active_.push_back(mailbox);
  }
  state.index = local.subscriptions.size();
  // Takes over the join's reference.
  local.subscriptions.push_back(
      {.state = &state, .sink = state.filter == nullptr ? state.sink.get() : nullptr});
  state.sink->on_start({.user = last_sequence_, .broadcast = last_broadcast_});
}

void Shard::handle_leave(SubscriptionState& state) {
  state.left = true;
  auto* mailbox = std::exchange(state.mailbox, nullptr);
  if (mailbox != nullptr) {
    fan_out(*mailbox);
    subscriptions_.store(subscriptions_.load(std::memory_order_relaxed) - 1,
                         std::memory_order_relaxed);  // C2
    if (state.guest_shard != nullptr) {
      leave_as_guest(state, *mailbox);
    } else {
      remove(state, *mailbox);
      end(state, EndReason::cancelled);
      state.drop_reference();  // the mailbox's
    }
  }
  state.drop_reference();  // the leave command's
}

void Shard::remove(const SubscriptionState& state, Mailbox& mailbox) {
  auto& subscriptions = mailbox.local.subscriptions;
  if (auto* moved = subscriptions.remove(state.index)) moved->index = state.index;
  if (!subscriptions.empty()) return;
  auto& moved = active_[mailbox.local.active_index] = active_.back();
  moved->local.active_index = mailbox.local.active_index;
  active_.pop_back();
}

void Shard::handle_resume(SubscriptionState& state) {
  state.take_resume();
  if (state.mailbox != nullptr) {
    fan_out(*state.mailbox);  // what came before it goes before it
    if (state.guest_shard != nullptr) {
      const Relayed item{.kind = Relayed::Kind::resume, .state = &state};
      return state.guest_shard->relay({&item, 1});  // with the command's reference
    }
    state.sink->on_resume();
  }
  state.drop_reference();  // the command's
}

void Shard::end(SubscriptionState& state, EndReason reason) {
  const auto sink = std::exchange(state.sink, nullptr);
  sink->on_end(reason);
}

void Shard::fan_out(Mailbox& mailbox) {
  if (deliveries_.empty()) return;
  if (mailbox.local.guests != nullptr) relay_deliveries(mailbox);
  for (const auto& subscriber : mailbox.local.subscriptions.all())
    deliver(subscriber, deliveries_);
  deliveries_.clear();
}

void Shard::deliver(SubscriptionState& state, std::span<const Delivery> deliveries) {
  if (state.filter != nullptr) {
    filtered_.clear();
    for (const auto& delivery : deliveries)
      if (state.filter->matches(delivery.event->view(), delivery.event->initial_status()))
        filtered_.push_back(delivery);
    if (filtered_.empty()) return;
    deliveries = filtered_;
  }
  hand_to(*state.sink, deliveries);
}

void Shard::deliver(const Subscriber& subscriber, std::span<const Delivery> deliveries) {
  if (subscriber.sink == nullptr) return deliver(*subscriber.state, deliveries);
  hand_to(*subscriber.sink, deliveries);
}

void Shard::hand_to(Sink& sink, std::span<const Delivery> deliveries) {
  add(delivered_, deliveries.size());
  sink.on_events({.deliveries = deliveries, .shard = index_, .turn = turn_});
}

void Shard::deliver_broadcast(const Event& event) {
  last_broadcast_ = event.sequence();
  const Delivery delivery{.event = &event,
                          .position = {.user = last_sequence_, .broadcast = last_broadcast_},
                          .slot = slot_++};
  for (auto* mailbox : active_)
    for (const auto& subscriber : mailbox->local.subscriptions.all())
      deliver(subscriber, {&delivery, 1});
  for (auto* group : guests_) {
    deliveries_.push_back({.event = &event,
                           .position = {.user = group->reached, .broadcast = last_broadcast_},
                           .slot = slot_++});
    deliver_to_guests(*group);
  }
}

void Shard::end_subscriptions() {
  for (auto* mailbox : active_) {
    for (const auto& [state, sink] : mailbox->local.subscriptions.all()) {
      state->mailbox = nullptr;
      end(*state, EndReason::stopped);
      state->drop_reference();
    }
    mailbox->local.subscriptions.clear();
  }
  active_.clear();
  end_guests();
  subscriptions_.store(0, std::memory_order_relaxed);  // C2
}

void Shard::end_claims() {
  for (auto* waiter : claims_.take_waiters())
    refuse(*waiter, {.outcome = AckOutcome::failed});
  acks_.flush();
}

const UnreadTail& Shard::tail() noexcept {
  if (tail_.time() != now_) tail_.set_time(now_);
  return tail_;
}

Sequence Shard::next_sequence() noexcept {
  if (block_next_ == block_end_) {
    block_next_ = core_.sequencer.take(sequences_per_block);
    block_end_ = block_next_ + sequences_per_block;
    CARILLON_ASSERT(block_end_ <= sequence_max, "the sequences of this store are used up");
  }
  return block_next_++;
}

void Shard::add(std::atomic<std::uint64_t>& counter, std::uint64_t count) noexcept {
  // C2 relaxed: a figure with one writer, so no read-modify-write is needed.
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

}  // namespace carillon::engine::detail
