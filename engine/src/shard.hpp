#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "carillon/engine/event.hpp"
#include "carillon/engine/event_log.hpp"
#include "carillon/engine/metrics.hpp"
#include "carillon/engine/sink.hpp"
#include "engine/src/ack_batch.hpp"
#include "engine/src/busy_mailboxes.hpp"
#include "engine/src/claims.hpp"
#include "engine/src/core.hpp"
#include "engine/src/directory.hpp"
#include "engine/src/event_access.hpp"
#include "engine/src/event_pool_impl.hpp"
#include "engine/src/guests.hpp"
#include "engine/src/mailbox.hpp"
#include "engine/src/node_queue.hpp"
#include "engine/src/ring.hpp"
#include "engine/src/subscription_state.hpp"

#include <concurrentqueue.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace carillon::engine::detail {

/// A change on its way through the user's order.
struct ChangeNode final : Node {
  ChangeNode(std::shared_ptr<Change> of, const AckRequest& request, std::uint32_t size)
      : Node{Kind::change}, change{std::move(of)}, ack{request}, bytes{size} {}
  std::shared_ptr<Change> change;
  AckRequest ack;
  std::uint32_t bytes;
};

/// One part of the fan-out pool: the mailboxes of the users that hash to it.
///
/// Role      Takes what producers queued, gives it its place in the order, fans
///           it out, and hands it to the log, in turns.
/// Threads   publish, apply, the steps of a batch, route_command, relay, give_back,
///           release_claim, read_metrics: any thread. run_turn and everything private: the one
///           thread of the shard (asserted).
/// Order     Nodes for one user keep the order of their pushes, also when the
///           user's first subscription moves them from the shard's own queue to
///           a mailbox, and also when the user becomes busy, so that they go straight
///           to it (busy_mailboxes.hpp): a turn takes the mailboxes first and the own
///           queue second, puts own-queue nodes of users with a mailbox before what
///           that turn took from the mailbox, and holds a mailbox that was opened
///           while older own-queue nodes wait (hold_until). A mailbox ceases to be
///           busy only while it is empty.
/// Bound     Options::queued_bytes_max of events accepted and not given back, and of
///           events that other shards relayed; Options::mailbox_bytes_max of one
///           user's: a fourth of it may be uncounted, queued for whomever, the rest
///           counts against the mailbox whichever queue it is in (C1 of the node that
///           is not counted found no more than that fourth queued, itself included);
///           a turn handles own_nodes_per_turn_max and mailbox_turns_max pieces
///           and says whether work is left.
/// Progress  Producers: lock-free, no system call but the wake-up. Turns never
///           block.
/// Wake-up   announce() when a queue was empty before; it wakes only if no turn is
///           pending. One word, wake_, says whether one is; the producer that finds
///           none puts its mailbox there, so that the shard has it with the wake-up.
///
/// Invariant: while something is queued, a turn is pending or running. A
///   producer queues, then read-modify-writes wake_ (W1, W6); a turn clears it (W2),
///   then takes. If W1 or W6 found it clear, its producer wakes the shard; if W1
///   found it set, the turn then pending has yet to clear it, and that W2 acquires
///   this W1 (read-modify-writes keep the release sequence), so it sees the node.
/// Invariant: a mailbox that is not empty is being processed, in the hands of the
///   producer that found it empty, or in one of wake_ and ready_, once.
class Shard {
 public:
  Shard(Core& core, ShardIndex index);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Any thread.
  [[nodiscard]] bool publish(Event* event, std::uint64_t hash) noexcept;
  [[nodiscard]] bool publish_broadcast(Event* event) noexcept;
  [[nodiscard]] bool apply(std::unique_ptr<ChangeNode>& node, std::uint64_t hash) noexcept;
  // The steps of a batch, see Broadcaster::publish_all.
  /// Whether the event's mailbox, if it has one, takes it as things stand; counts a
  /// refusal.
  [[nodiscard]] bool has_room(const Event& event, std::uint64_t hash) noexcept;
  /// False if there is no credit left; counts a refusal.
  [[nodiscard]] bool take_credit(std::size_t bytes) noexcept;
  /// With its credit taken: into its mailbox, whatever that one's bound, or to the
  /// shard's own queue.
  void push_admitted(Event* event, std::uint64_t hash) noexcept;
  /// The shard's own queue; for broadcasts whose credit was taken.
  void push_own(Node* node) noexcept;
  void route_command(Node& command, const UserId& user) noexcept;
  /// From another shard: what it hands over, in order.
  void relay(std::span<const Relayed> items) noexcept;
  /// Any thread: as many bytes of relayed events wait here as events may.
  [[nodiscard]] bool relays_full() const noexcept {
    // R1 relaxed: a count that publishes no data.
    return relayed_bytes_.load(std::memory_order_relaxed) >= core_.options.queued_bytes_max;
  }
  /// Another shard: the same; if so, all shards are announced once it is so no more.
  [[nodiscard]] bool relays_full_awaited() noexcept;
  void give_back(std::size_t bytes) noexcept;
  /// The claimed event was committed, or never will be.
  void release_claim(const ClaimKey& key, bool durable) noexcept;
  void read_metrics(Metrics& metrics) const noexcept;

  // The shard's thread.
  [[nodiscard]] bool run_turn();
  /// Sleeps until announce(); for threads that the Broadcaster runs.
  void wait() noexcept;
  void announce() noexcept;
  /// Whether a turn is pending: something may be queued.
  [[nodiscard]] bool announced() const noexcept {
    return wake_.load(std::memory_order_relaxed) != asleep;  // W5 relaxed: a hint
  }
  /// Events that the last turn gave their place in the order.
  [[nodiscard]] std::uint32_t events_of_turn() const noexcept { return events_of_turn_; }
  [[nodiscard]] bool lookups_outstanding() const noexcept { return lookups_outstanding_ > 0; }
  [[nodiscard]] bool lookup_threads_inside() const noexcept {
    // L1 acquire: pairs with L2, the last thing that such a thread does here.
    return lookup_threads_.load(std::memory_order_acquire) > 0;
  }
  /// stop(): takes what other shards' threads handed over, before any turn on the
  /// thread of stop() hands over more: two threads have no common order.
  void settle_relays();
  /// stop(): ends every subscription; no further turn follows.
  void end_subscriptions();
  /// stop(): those who wait for another's commit hear `failed`.
  void end_claims();
  void rebind_thread() noexcept { owner_ = {}; }

 private:
  static constexpr std::size_t own_nodes_per_turn_max = 2048;
  static constexpr std::size_t mailbox_turns_max = 256;
  static constexpr std::size_t ready_mailboxes_max = 4096;  // taken in one turn
  static constexpr std::size_t relays_per_turn_max = 4096;
  static constexpr std::size_t ready_batch_max = 64;  // of these at a time
  static constexpr std::size_t own_batch_max = 32;    // nodes looked up at a time
  static constexpr std::size_t sinks_ahead = 16;      // fetched at a time
  static constexpr std::uint64_t sequences_per_block = 64;

  struct Taken {
    Mailbox* mailbox = nullptr;
    Node* newest = nullptr;
  };
  struct ReleasedClaim {
    ClaimKey key;
    bool durable = false;
  };

  // Taking (shard.cpp).
  /// Into the mailbox of a busy user, or to the shard's own queue. False if
  /// `bytes_max` of the user's mailbox is reached.
  [[nodiscard]] bool route(Node* node,
                           const UserId& user,
                           std::uint64_t hash,
                           std::size_t bytes,
                           std::size_t bytes_max) noexcept;
  /// So much is queued that one mailbox could be near its bound: from here on what
  /// is published counts against it, whichever queue it takes.
  [[nodiscard]] bool backlogged() const noexcept {
    return queued_bytes_.load(std::memory_order_relaxed) > uncounted_bytes_max_;  // C1
  }
  /// What process_mailbox gives back at once, if the node counts there.
  [[nodiscard]] static std::size_t settle_node(const Node& node, const Mailbox* mailbox) noexcept;
  void announce_ready(Mailbox& mailbox) noexcept;
  void wake() noexcept;
  /// Always inlined: GCC drops calls of a function that does nothing but prefetch.
  [[gnu::always_inline]] void prefetch_announced(std::uint32_t announced) const noexcept {
    if (announced != asleep && announced != no_mailbox)
      __builtin_prefetch(mailboxes_.at(announced), 1);
  }
  [[nodiscard]] bool take_ready(std::uint32_t announced);
  void take_fresh();
  void take_own();
  void give_to_mailbox(Node& node, std::uint64_t hash);
  /// True if more may be left.
  [[nodiscard]] bool take_relays();
  void take_released_claims();
  void process_own();
  /// True if work is left that waits for nobody.
  [[nodiscard]] bool process_ring();
  [[gnu::always_inline]] void prefetch_sinks(std::size_t from) const noexcept;
  void process_mailbox(Mailbox& mailbox);
  void finish_turn();
  void into_ring(Mailbox& mailbox);
  [[nodiscard]] Mailbox* mailbox_of(const UserId& user) const noexcept;
  [[nodiscard]] Mailbox& open_mailbox(const UserId& user);
  void close_if_unused(Mailbox& mailbox);

  // Handling (shard_fan_out.cpp). `mailbox` is the user's, or null.
  void handle(Node& node, Mailbox* mailbox);
  void handle_event(Event& event, Mailbox* mailbox);
  void sequence_event(Event& event, Mailbox* mailbox);
  void sequence_broadcast(Event& event);
  void handle_change(ChangeNode* node);
  void handle_join(SubscriptionState& state, Mailbox* mailbox);
  void handle_leave(SubscriptionState& state);
  void handle_resume(SubscriptionState& state);
  void remove(const SubscriptionState& state, Mailbox& mailbox);
  void handle_lookup(Claim& claim, Mailbox* mailbox);
  void refuse_duplicate(Event& event, const std::string& first_json);
  void refuse(Event& event, Ack ack);
  void fan_out(Mailbox& mailbox);
  void deliver(SubscriptionState& state, std::span<const Delivery> deliveries);
  void deliver(const Subscriber& subscriber, std::span<const Delivery> deliveries);
  void hand_to(Sink& sink, std::span<const Delivery> deliveries);
  void deliver_broadcast(const Event& event);

  // Guests (shard_guests.cpp).
  void join_as_guest(SubscriptionState& state, Mailbox& mailbox);
  void leave_as_guest(SubscriptionState& state, Mailbox& mailbox);
  void relay_deliveries(const Mailbox& mailbox);
  [[nodiscard]] bool guests_are_behind(const Mailbox& mailbox) const noexcept;
  void settle_relayed_bytes(std::size_t bytes) noexcept;
  void handle_relayed(std::span<const Relayed> items);
  void handle_relayed_command(const Relayed& item);
  void deliver_to_guests(GuestGroup& group);
  void end_guests();
  void keep_for_log(Event& event);
  void end(SubscriptionState& state, EndReason reason);
  [[nodiscard]] Sequence next_sequence() noexcept;
  [[nodiscard]] const UnreadTail& tail() noexcept;
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t count) noexcept;

  Core& core_;
  const ShardIndex index_;
  // Of Options::mailbox_bytes_max, see there: how many bytes may be queued uncounted,
  // and how many may count.
  const std::size_t uncounted_bytes_max_;
  const std::size_t counted_bytes_max_;

  // Producers write these.
  alignas(64) std::atomic<std::size_t> queued_bytes_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::size_t> relayed_bytes_{0};
  std::atomic<bool> relays_awaited_{false};
  std::atomic<std::size_t> lookup_threads_{0};
  // What an idle shard looks at, on a line of its own: whether a turn is pending,
  // and the index of the mailbox that made it so, if one did.
  static constexpr std::uint32_t asleep = 0;  // no mailbox has this index
  static constexpr std::uint32_t no_mailbox = UINT32_MAX;
  alignas(64) std::atomic<std::uint32_t> wake_{asleep};
  alignas(64) moodycamel::ConcurrentQueue<Mailbox*> ready_;
  NodeQueue own_;
  moodycamel::ConcurrentQueue<Relayed> relays_;
  moodycamel::ConcurrentQueue<ReleasedClaim> released_claims_;

  // Read by producers, written by the shard through their own rules.
  MailboxTable mailboxes_;
  Directory directory_;  // of all mailboxes
  BusyMailboxes busy_;

  // The shard's own.
  alignas(64) std::thread::id owner_;
  std::uint64_t turn_ = 0;
  std::uint32_t slot_ = 0;
  std::uint32_t events_of_turn_ = 0;
  Timestamp now_{};
  UnreadTail tail_;  // of now_, once an event of this turn needed it
  Sequence last_sequence_;
  Sequence last_broadcast_;
  Sequence block_next_ = 0;
  Sequence block_end_ = 0;
  NodeList own_list_;
  std::uint64_t own_taken_ = 0;
  std::uint64_t own_processed_ = 0;
  std::vector<Taken> fresh_;         // what this turn took from the mailboxes
  Ring<Mailbox*> ring_;              // mailboxes with pending nodes, round-robin
  std::vector<Mailbox*> active_;     // mailboxes with subscriptions, for broadcasts
  std::vector<GuestGroup*> guests_;  // owned
  std::vector<Relayed> to_guests_;   // what fan_out hands over
  std::vector<Delivery> deliveries_;
  std::vector<Delivery> filtered_;
  std::vector<LogEntry> entries_;
  std::vector<const Event*> done_;  // without a log: one reference each, until the turn ends
  BlockCache cache_;                // where the blocks of those go
  std::size_t done_bytes_ = 0;
  std::vector<EventRef> to_relay_;  // broadcasts of this turn, for the other shards
  AckBatch acks_;
  Claims claims_;
  std::size_t lookups_outstanding_ = 0;

  // Written by the shard, read by anybody: figures.
  alignas(64) std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> sequenced_{0};
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> duplicates_{0};
  std::atomic<std::uint64_t> subscriptions_{0};
  std::atomic<std::uint64_t> mailbox_count_{0};
};

}  // namespace carillon::engine::detail
