#include "engine/src/shard.hpp"

#include "engine/src/assert.hpp"
#include "engine/src/event_access.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace carillon::engine::detail {
namespace {

const UserId& user_of(const Node& node) noexcept {
  switch (node.kind) {
    case Node::Kind::event:
      return static_cast<const Event&>(node).owner();
    case Node::Kind::change:
      return static_cast<const ChangeNode&>(node).change->user;
    case Node::Kind::lookup_done:
      return static_cast<const Claim&>(node).key.owner;
    default:
      return SubscriptionState::of(node).user;
  }
}

/// A broadcast's order is the shard's, whoever else uses the nil UUID.
bool is_for_everyone(const Node& node) noexcept {
  if (node.kind == Node::Kind::event)
    return static_cast<const Event&>(node).audience() == Audience::everyone;
  if (node.kind == Node::Kind::lookup_done)
    return static_cast<const Claim&>(node).event->audience() == Audience::everyone;
  return false;
}

/// Where sequencing will write: the publisher's processor has those lines. Always
/// inlined: GCC drops calls of a function that does nothing but prefetch.
[[gnu::always_inline]] inline void prefetch_tail(const Node& node) noexcept {
  if (node.kind != Node::Kind::event) return;
  const auto* tail = EventAccess::tail_of(static_cast<const Event&>(node));
  __builtin_prefetch(tail, 1);
  __builtin_prefetch(tail + 64, 1);
}

/// With many users a delivery finds its sink in memory; so it is fetched for users whose
/// turn comes soon. Its first 64 bytes: two lines, unless it begins with one.
[[gnu::always_inline]] inline void prefetch_sink(const Mailbox& mailbox) noexcept {
  if (mailbox.local.subscriptions.empty()) return;
  const auto* sink = mailbox.local.subscriptions.all().front().sink;
  if (sink == nullptr) return;  // it has a filter: its state is asked instead
  __builtin_prefetch(sink, 1);
  __builtin_prefetch(reinterpret_cast<const std::byte*>(sink) + 63, 1);
}

std::size_t bytes_of(const Node& node) noexcept {
  if (node.kind == Node::Kind::event) return static_cast<const Event&>(node).footprint_bytes();
  if (node.kind == Node::Kind::change) return static_cast<const ChangeNode&>(node).bytes;
  return 0;
}

}  // namespace

Shard::Shard(Core& core, ShardIndex index)
    : core_{core},
      index_{index},
      uncounted_bytes_max_{core.options.mailbox_bytes_max / 4},
      counted_bytes_max_{core.options.mailbox_bytes_max - uncounted_bytes_max_},
      last_sequence_{core.origin.first_sequence - 1},
      last_broadcast_{core.origin.last_broadcast},
      cache_{EventAccess::impl_of(core.pool)} {
  fresh_.reserve(ready_batch_max);  // a mailbox may come twice in a turn even if it is the only one
}

Shard::~Shard() {
  // After stop() only commands of subscriptions that it ended can be queued.
  const auto drop = [](Node* node) {
    if (node->kind == Node::Kind::leave || node->kind == Node::Kind::join ||
        node->kind == Node::Kind::resume)
      SubscriptionState::of(*node).drop_reference();
  };
  auto own = own_.take_all();
  while (!own.empty())
    drop(own.pop_front());
  const auto drop_all = [&drop](Mailbox& mailbox) {
    auto nodes = mailbox.take_all();
    while (!nodes.empty())
      drop(nodes.pop_front());
  };
  const auto announced = wake_.load(std::memory_order_relaxed);  // nobody else is left
  if (announced != asleep && announced != no_mailbox) drop_all(*mailboxes_.at(announced));
  Mailbox* mailbox = nullptr;
  while (ready_.try_dequeue(mailbox))
    drop_all(*mailbox);
}

bool Shard::take_credit(std::size_t bytes) noexcept {
  // C1 relaxed: a count that publishes no data; taken before the event is
  // queued, so give_back never finds less than it returns.
  // Alone, an event may be larger than the bound; else it could never pass.
  const auto before = queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (before == 0 || before + bytes <= core_.options.queued_bytes_max) return true;
  give_back(bytes);
  refused_.fetch_add(1, std::memory_order_relaxed);  // C2 relaxed: a figure
  return false;
}

void Shard::give_back(std::size_t bytes) noexcept {
  queued_bytes_.fetch_sub(bytes, std::memory_order_relaxed);  // C1
}

bool Shard::publish(Event* event, std::uint64_t hash) noexcept {
  // The shard wrote these two last: fetched at the same time.
  __builtin_prefetch(&queued_bytes_, 1);
  __builtin_prefetch(&own_, 1);
  const auto bytes = event->footprint_bytes();
  if (!take_credit(bytes)) return false;
  // Not touched after route(): the shard may already have released it.
  if (!route(event, event->owner(), hash, bytes, counted_bytes_max_)) {
    give_back(bytes);
    refused_.fetch_add(1, std::memory_order_relaxed);  // C2
    return false;
  }
  return true;
}

bool Shard::publish_broadcast(Event* event) noexcept {
  if (!take_credit(event->footprint_bytes())) return false;
  push_own(event);
  return true;
}

bool Shard::has_room(const Event& event, std::uint64_t hash) noexcept {
  const auto bytes = event.footprint_bytes();
  // C1 relaxed: a hint, as has_room is.
  if (queued_bytes_.load(std::memory_order_relaxed) + bytes <= uncounted_bytes_max_) return true;
  const auto* mailbox = directory_.find(event.owner(), hash, mailboxes_).mailbox;
  if (mailbox == nullptr || mailbox->has_room(bytes, counted_bytes_max_)) return true;
  refused_.fetch_add(1, std::memory_order_relaxed);  // C2
  return false;
}

void Shard::push_admitted(Event* event, std::uint64_t hash) noexcept {
  // Without a bound it is never refused.
  static_cast<void>(route(event, event->owner(), hash, event->footprint_bytes(), SIZE_MAX));
}

bool Shard::apply(std::unique_ptr<ChangeNode>& node, std::uint64_t hash) noexcept {
  const std::size_t bytes = node->bytes;
  if (!take_credit(bytes)) return false;
  auto* raw = node.release();
  if (route(raw, raw->change->user, hash, bytes, counted_bytes_max_)) return true;
  node.reset(raw);
  give_back(bytes);
  return false;
}

void Shard::route_command(Node& command, const UserId& user) noexcept {
  // Commands weigh nothing, so they are never refused.
  static_cast<void>(route(&command, user, hash_uuid(user), 0, SIZE_MAX));
}

bool Shard::route(Node* node,
                  const UserId& user,
                  std::uint64_t hash,
                  std::size_t bytes,
                  std::size_t bytes_max) noexcept {
  if (const auto to = busy_.find(user, hash, mailboxes_); to.mailbox != nullptr) {
    // Counting is a second read-modify-write a node, and as many when they leave.
    const bool counted = backlogged();
    node->counted_in = counted ? to.mailbox : nullptr;
    switch (to.mailbox->push(node, to.generation, counted ? bytes : 0, bytes_max)) {
      case PushResult::first:
        announce_ready(*to.mailbox);
        return true;
      case PushResult::queued:
        return true;
      case PushResult::full:
        return false;
      case PushResult::closed:
        break;  // the user has become quiet
    }
  }
  node->counted_in = nullptr;
  if (bytes > 0 && backlogged()) {
    auto* mailbox = directory_.find(user, hash, mailboxes_).mailbox;
    if (mailbox != nullptr) {
      if (!mailbox->charge(bytes, bytes_max)) return false;
      // Also if it has just become another user's: it gives back what it was charged.
      node->counted_in = mailbox;
    }
  }
  push_own(node);
  return true;
}

void Shard::push_own(Node* node) noexcept {
  // Also when it was not empty but no turn is pending: the producer that found it
  // empty may have been stopped before its own announcement.
  if (own_.push(node) || !announced()) announce();
}

void Shard::relay(std::span<const Relayed> items) noexcept {
  std::size_t bytes = 0;
  for (const auto& item : items)
    if (item.event != nullptr) bytes += item.event->footprint_bytes();
  relayed_bytes_.fetch_add(bytes, std::memory_order_relaxed);  // R1
  CARILLON_ASSERT(relays_.enqueue_bulk(items.data(), items.size()),
                  "out of memory for the relay queue");
  announce();
}

void Shard::release_claim(const ClaimKey& key, bool durable) noexcept {
  CARILLON_ASSERT(released_claims_.enqueue({.key = key, .durable = durable}),
                  "out of memory for the claims' queue");
  announce();
}

void Shard::announce_ready(Mailbox& mailbox) noexcept {
  auto expected = asleep;
  // W6 acq_rel: as W1, of which it is the case that nothing was pending.
  if (wake_.compare_exchange_strong(expected, mailbox.index(), std::memory_order_acq_rel,
                                    std::memory_order_relaxed))
    return wake();
  CARILLON_ASSERT(ready_.enqueue(&mailbox), "out of memory for the ready queue");
  announce();
}

void Shard::announce() noexcept {
  auto before = wake_.load(std::memory_order_relaxed);
  // W1 acq_rel: release publishes what was queued to the turn that clears the
  // word (W2), also if the word stays as it is; acquire makes `draining` seen if
  // that turn was one of stop()'s.
  while (!wake_.compare_exchange_weak(before, before == asleep ? no_mailbox : before,
                                      std::memory_order_acq_rel, std::memory_order_relaxed)) {
  }
  if (before == asleep) wake();
}

void Shard::wake() noexcept {
  // W3 relaxed: ordered by W1 and W2. Without that, stop() could sleep in
  // wait() while this thread still wakes the host that no longer runs.
  if (core_.options.waker != nullptr && !core_.draining.load(std::memory_order_relaxed)) {
    core_.options.waker->wake(index_);
  } else {
    wake_.notify_one();
  }
}

void Shard::wait() noexcept {
  // W4 acquire: as W2; the turn that follows clears the word.
  wake_.wait(asleep, std::memory_order_acquire);
}

bool Shard::run_turn() {
  if (owner_ == std::thread::id{}) owner_ = std::this_thread::get_id();
  CARILLON_ASSERT(owner_ == std::this_thread::get_id(), "a shard's turns belong to one thread");
  // W5 relaxed: a hint, which lets the mailbox come while the word does.
  prefetch_announced(wake_.load(std::memory_order_relaxed));
  // W2 acq_rel: acquire pairs with W1, and keeps the takes below from moving
  // up; release hands `draining` to the next W1.
  const auto announced = wake_.exchange(asleep, std::memory_order_acq_rel);
  ++turn_;
  slot_ = 0;
  events_of_turn_ = 0;
  const bool more_ready = take_ready(announced);
  now_ = std::max(now_, now());  // a clock set back must not turn the order round
  take_own();
  take_fresh();
  take_released_claims();
  const bool more_relays = take_relays();
  process_own();
  const bool more_in_ring = process_ring();
  finish_turn();
  return more_ready || more_relays || more_in_ring || !own_list_.empty();
}

/// True if more are ready. Bounded, so that producers who fill mailboxes as fast
/// as they are taken don't keep the turn from fanning out; what is left was queued
/// by the pushes of later nodes, so the order holds.
bool Shard::take_ready(std::uint32_t announced) {
  // A mailbox that is emptied and filled again in the middle of this comes twice,
  // in order.
  const auto take = [this](Mailbox& mailbox) {
    fresh_.push_back({.mailbox = &mailbox, .newest = mailbox.take_newest()});
    // Its two first lines are what the shard needs of an event (event.hpp).
    __builtin_prefetch(fresh_.back().newest);
    __builtin_prefetch(reinterpret_cast<const std::byte*>(fresh_.back().newest) + 64);
  };
  if (announced != asleep && announced != no_mailbox) take(*mailboxes_.at(announced));
  std::array<Mailbox*, ready_batch_max> batch;
  for (std::size_t taken = 0; taken < ready_mailboxes_max;) {
    const auto count = ready_.try_dequeue_bulk(batch.begin(), batch.size());
    if (count == 0) return false;
    taken += count;
    // With many users each of these lies in memory: all are fetched at once.
    for (std::size_t i = 0; i < count; ++i) {
      __builtin_prefetch(batch[i], 1);
      __builtin_prefetch(&batch[i]->local, 1);
    }
    for (std::size_t i = 0; i < count; ++i)
      take(*batch[i]);
  }
  return true;
}

void Shard::take_fresh() {
  for (const auto& [mailbox, newest] : fresh_) {
    BusyMailboxes::count_taken(*mailbox, newest != nullptr && newest->next != nullptr);
    auto nodes = NodeList::reversed(newest);
    if (nodes.head != nullptr) prefetch_tail(*nodes.head);
    mailbox->local.pending.append(std::move(nodes));
    into_ring(*mailbox);
  }
  fresh_.clear();
}

/// Mailboxes of users that are not busy lie in memory, and each thing is known only by
/// way of another: slot, mailbox, subscription, sink. So they are fetched for many nodes
/// side by side, step by step.
void Shard::take_own() {
  struct Lookup {
    Node* node = nullptr;
    std::uint64_t hash = 0;
  };
  std::array<Lookup, own_batch_max> batch;
  auto taken = own_.take_all();
  while (!taken.empty()) {
    std::size_t count = 0;
    for (; count < batch.size() && !taken.empty(); ++count) {
      auto* node = taken.pop_front();
      batch[count] = {.node = node, .hash = hash_uuid(user_of(*node))};
      directory_.prefetch(batch[count].hash);
      prefetch_tail(*node);
    }
    const auto lookups = std::span{batch}.first(count);
    for (const auto& lookup : lookups) {
      auto* mailbox = directory_.probable(lookup.hash, mailboxes_);
      if (mailbox == nullptr) continue;
      __builtin_prefetch(mailbox, 1);
      __builtin_prefetch(&mailbox->local, 1);
    }
    for (const auto& [node, hash] : lookups)
      give_to_mailbox(*node, hash);
  }
}

/// Or to the list of those that have none.
void Shard::give_to_mailbox(Node& node, std::uint64_t hash) {
  auto* mailbox =
      is_for_everyone(node) ? nullptr : directory_.find(user_of(node), hash, mailboxes_).mailbox;
  if (mailbox == nullptr) {
    own_list_.push_back(&node);
    ++own_taken_;
    return;
  }
  busy_.count_own(*mailbox, static_cast<std::uint32_t>(turn_), mailboxes_);
  mailbox->local.pending.push_back(&node);
  into_ring(*mailbox);
}

void Shard::take_released_claims() {
  ReleasedClaim released;
  while (released_claims_.try_dequeue(released)) {
    auto* claim = claims_.find(released.key);
    if (claim == nullptr) continue;
    for (auto* waiter : claim->waiters) {
      if (released.durable) {
        refuse_duplicate(*waiter, std::string{claim->sequenced->json()});
      } else {
        refuse(*waiter, {.outcome = AckOutcome::failed});
      }
    }
    claim->waiters.clear();
    claims_.drop(released.key);
  }
}

bool Shard::take_relays() {
  std::array<Relayed, 64> batch;
  for (std::size_t taken = 0; taken < relays_per_turn_max;) {
    const auto count = relays_.try_dequeue_bulk(batch.begin(), batch.size());
    if (count == 0) return false;
    taken += count;
    handle_relayed({batch.data(), count});
  }
  return true;
}

void Shard::process_own() {
  for (std::size_t i = 0; i < own_nodes_per_turn_max && !own_list_.empty(); ++i) {
    auto& node = *own_list_.pop_front();
    ++own_processed_;
    // The user may have got a mailbox since the node was taken.
    auto* mailbox = is_for_everyone(node) ? nullptr : mailbox_of(user_of(node));
    static_cast<void>(settle_node(node, nullptr));
    handle(node, mailbox);
    if (mailbox == nullptr) continue;
    fan_out(*mailbox);
    close_if_unused(*mailbox);
  }
}

/// Many at once: each waits for its page to be found, and only these few instructions
/// apart do they wait together.
inline void Shard::prefetch_sinks(std::size_t from) const noexcept {
  const auto end = std::min(ring_.size(), 2 * sinks_ahead);
  for (auto at = from; at < end; ++at)
    prefetch_sink(*ring_[at]);
}

bool Shard::process_ring() {
  // One round: then the host writes out what its sessions got.
  const auto round = std::min(ring_.size(), mailbox_turns_max);
  std::size_t waiting = 0;  // for guests; an announcement follows
  for (std::size_t i = 0; i < round; ++i) {
    if (i % sinks_ahead == 0) prefetch_sinks(i == 0 ? 0 : sinks_ahead);
    auto& mailbox = *ring_.pop_front();
    mailbox.local.in_ring = false;
    if (guests_are_behind(mailbox)) {
      ++waiting;
    } else if (own_processed_ >= mailbox.local.hold_until) {
      process_mailbox(mailbox);
    }
    busy_.retire_if_quiet(mailbox);
    if (!mailbox.local.pending.empty()) {
      into_ring(mailbox);
    } else {
      close_if_unused(mailbox);
    }
  }
  return ring_.size() > waiting;
}

void Shard::process_mailbox(Mailbox& mailbox) {
  std::size_t bytes = 0;
  auto& pending = mailbox.local.pending;
  for (std::uint32_t i = 0; i < core_.options.mailbox_events_per_turn_max && !pending.empty();
       ++i) {
    auto& node = *pending.pop_front();
    if (pending.head != nullptr && pending.head->next != nullptr)
      prefetch_tail(*pending.head->next);
    bytes += settle_node(node, &mailbox);
    handle(node, &mailbox);
  }
  fan_out(mailbox);
  if (bytes > 0) mailbox.settle(bytes);
}

std::size_t Shard::settle_node(const Node& node, const Mailbox* mailbox) noexcept {
  if (node.counted_in == nullptr) return 0;
  const auto bytes = bytes_of(node);
  if (node.counted_in == mailbox) return bytes;
  node.counted_in->settle(bytes);
  return 0;
}

void Shard::finish_turn() {
  if (!entries_.empty()) core_.log->append(index_, entries_);
  entries_.clear();
  // Behind the append: a user of another shard may answer a broadcast with a
  // change, which must not come before it in the log.
  for (auto& broadcast : to_relay_)
    for (auto& shard : core_.shards)
      if (shard.get() != this) {
        const Relayed item{.event = EventRef{broadcast}.detach()};
        shard->relay({&item, 1});
      }
  to_relay_.clear();
  for (const auto* event : done_)
    EventAccess::release_into(cache_, event);
  done_.clear();
  cache_.settle_figures();
  if (done_bytes_ > 0) give_back(std::exchange(done_bytes_, 0));
  acks_.flush();
}

void Shard::into_ring(Mailbox& mailbox) {
  if (std::exchange(mailbox.local.in_ring, true)) return;
  ring_.push_back(&mailbox);
}

Mailbox* Shard::mailbox_of(const UserId& user) const noexcept {
  return directory_.find(user, hash_uuid(user), mailboxes_).mailbox;
}

Mailbox& Shard::open_mailbox(const UserId& user) {
  auto& mailbox = mailboxes_.acquire();
  mailbox.open(user);
  mailbox.local.hold_until = own_taken_;
  mailbox.listed_as = mailbox.generation();
  directory_.insert(mailbox, hash_uuid(user), mailboxes_);
  mailbox_count_.store(directory_.size(), std::memory_order_relaxed);  // C2
  return mailbox;
}

void Shard::close_if_unused(Mailbox& mailbox) {
  const auto& local = mailbox.local;
  if (local.heard() || !local.pending.empty() || local.in_ring) return;
  // A node that came in the meantime keeps it open; its own turn closes it.
  if (local.busy() && !busy_.retire(mailbox)) return;
  directory_.erase(mailbox, mailbox.listed_as, hash_uuid(mailbox.user()));
  mailboxes_.release(mailbox);
  mailbox_count_.store(directory_.size(), std::memory_order_relaxed);  // C2
}

void Shard::read_metrics(Metrics& metrics) const noexcept {
  // C2 relaxed: figures, each exact on its own.
  metrics.accepted_total += accepted_.load(std::memory_order_relaxed);
  metrics.refused_total += refused_.load(std::memory_order_relaxed);
  metrics.sequenced_total += sequenced_.load(std::memory_order_relaxed);
  metrics.delivered_total += delivered_.load(std::memory_order_relaxed);
  metrics.duplicates_total += duplicates_.load(std::memory_order_relaxed);
  metrics.subscriptions += subscriptions_.load(std::memory_order_relaxed);
  metrics.mailboxes += mailbox_count_.load(std::memory_order_relaxed);
  metrics.queued_bytes += queued_bytes_.load(std::memory_order_relaxed);
}

}  // namespace carillon::engine::detail
