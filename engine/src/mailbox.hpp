#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/ids.hpp"
#include "engine/src/guests.hpp"
#include "engine/src/subscriber_list.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace carillon::engine::detail {

class SubscriptionState;

/// Which life of a mailbox a directory entry means. 22 bits, see MailboxHead.
using Generation = std::uint32_t;
inline constexpr unsigned generation_bits = 22;

/// Nodes linked through themselves, first in first out. One thread.
struct NodeList {
  Node* head = nullptr;
  Node* tail = nullptr;

  [[nodiscard]] bool empty() const noexcept { return head == nullptr; }
  void push_back(Node* node) noexcept;
  void append(NodeList&& other) noexcept;
  [[nodiscard]] Node* pop_front() noexcept;
  /// The list that begins with the last of these nodes, linked newest first.
  [[nodiscard]] static NodeList reversed(Node* newest) noexcept;
};

enum class PushResult : std::uint8_t {
  first,   ///< the mailbox was empty: its shard must be told
  queued,  ///< behind others; whoever was first told the shard
  full,    ///< the bound in bytes is reached
  closed,  ///< this life of the mailbox is over
};

/// The nodes pushed last to a take-all stack, with the count of pushes beside the
/// stack's head, whose line each producer has anyway.
///
/// Role      One per stack. A taken stack is a chain of cache lines that other
///           processors wrote last, each known only from the one before: 60-110 ns a
///           node where they share no cache. So each node carries the addresses of
///           three older ones, the eighth before it the farthest, and the taker has
///           eight nodes under way at once.
/// Threads   Any producer.
/// Progress  Wait-free.
/// Invariant They are hints, prefetched and never followed: read and written as it
///           happens to be, so they may be stale or foreign.
class alignas(64) RecentNodes {
 public:
  using Pushes = std::atomic<std::uint32_t>;

  /// Before a push on top of others: leaves hints in `node`; what note() wants.
  [[nodiscard]] std::uint32_t hint(Node& node, const Pushes& count) const noexcept {
    const auto pushes = count.load(std::memory_order_relaxed);  // M7 relaxed: hints
    node.hints = {at(pushes - 2), at(pushes - 4), at(pushes - 8)};
    return pushes;
  }
  /// After that push.
  void note(std::uint32_t pushes, const Node* node, Pushes& count) noexcept {
    nodes_[pushes % nodes_.size()].store(node, std::memory_order_relaxed);  // M7
    count.store(pushes + 1, std::memory_order_relaxed);                     // M7
  }

 private:
  [[nodiscard]] const void* at(std::uint32_t push) const noexcept {
    return nodes_[push % nodes_.size()].load(std::memory_order_relaxed);  // M7
  }

  std::array<std::atomic<const void*>, 8> nodes_{};
};

/// The per-user lock-free multi-producer single-consumer queue.
///
/// Role      One per user with subscriptions (or with events still queued since
///           the last one left). Lives in its shard's MailboxTable, which
///           recycles it for other users and never frees it.
/// Threads   push, charge, settle, has_room, user: any thread. Everything else: the
///           shard's thread.
/// Order     One order for all producers: that of their successful pushes.
/// Bound     bytes_max, as given to push and charge; exact up to the producers that push at
///           the same moment. A batch is pushed without one (Broadcaster::publish_all).
/// Progress  push is lock-free (a compare-exchange loop), take_all wait-free.
///           Neither allocates.
/// Wake-up   None of its own: PushResult::first tells the producer to announce
///           the mailbox to its shard.
/// Lifetime  Type-stable: a late push through a stale directory entry is safe
///           and answered `closed`, because the generation differs. A life is a time
///           in which publishers find it (BusyMailboxes).
///
/// Invariant: a life (generation) that holds a node is not over. push links a
///   node only by a compare-exchange from a head of its generation; close
///   changes the generation only by a compare-exchange from that generation's
///   empty head; so no node can enter after the close, and none is inside at it.
class alignas(64) Mailbox {
 public:
  explicit Mailbox(std::uint32_t index) noexcept : index_{index} {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Any thread. `bytes` counts against `bytes_max` until settle().
  [[nodiscard]] PushResult push(Node* node,
                                Generation generation,
                                std::size_t bytes,
                                std::size_t bytes_max) noexcept;

  /// Any thread, whichever life it is: the same count for a node that is queued
  /// elsewhere. False if the bound is reached.
  [[nodiscard]] bool charge(std::size_t bytes, std::size_t bytes_max) noexcept;
  /// Any thread. Whether push would take these bytes now; a hint, for any life.
  [[nodiscard]] bool has_room(std::size_t bytes, std::size_t bytes_max) const noexcept {
    const auto queued = queued_bytes_.load(std::memory_order_relaxed);  // M1
    return queued == 0 || queued + bytes <= bytes_max;
  }

  /// Any thread. May be torn or stale while the mailbox is recycled; the
  /// generation that push checks decides.
  [[nodiscard]] UserId user() const noexcept;

  /// The shard. All nodes, in order; the mailbox is empty afterwards.
  [[nodiscard]] NodeList take_all() noexcept { return NodeList::reversed(take_newest()); }
  /// The same as the newest node, linked to the older ones, untouched so far.
  [[nodiscard]] Node* take_newest() noexcept;
  /// These bytes left the mailbox. Any thread may take back what it charged.
  void settle(std::size_t bytes) noexcept;

  /// The shard. Ends this life if nothing is queued; false if something is.
  [[nodiscard]] bool close() noexcept;
  void open(const UserId& user) noexcept;
  [[nodiscard]] Generation generation() const noexcept;
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }

 private:
  // Producers write these two; every producer of a busy user touches this line.
  std::atomic<std::uint64_t> head_{0};
  std::atomic<std::size_t> queued_bytes_{0};
  // The shard writes these when the mailbox is opened; producers read them.
  std::array<std::atomic<std::uint64_t>, 2> user_{};
  const std::uint32_t index_;
  // Producers that find something queued write these.
  RecentNodes::Pushes pushes_{0};

 public:
  // The shard's own, here because it reads the user at the same time; written only
  // while no producer finds the mailbox.
  Generation listed_as = 0;        // in the directory of all mailboxes
  std::uint32_t counted_turn = 0;  // see BusyMailboxes

 private:
  RecentNodes recent_;

 public:
  // The shard's own, on a line that no producer touches.
  struct alignas(64) Local {
    NodeList pending;  // taken, not yet processed
    SubscriberList subscriptions;
    std::unique_ptr<std::vector<GuestShard>> guests;  // null: none
    std::uint64_t hold_until = 0;                     // own-queue nodes to process first, see Shard
    std::uint32_t active_index = 0;
    std::uint16_t busy_index = not_busy;  // see BusyMailboxes
    std::uint8_t nodes_counted = 0;       // the same
    bool in_ring = false;

    static constexpr std::uint16_t not_busy = UINT16_MAX;
    [[nodiscard]] bool busy() const noexcept { return busy_index != not_busy; }
    /// Whether an event of this user is delivered to anybody.
    [[nodiscard]] bool heard() const noexcept {
      return !subscriptions.empty() || guests != nullptr;
    }
  } local;
};

/// A mailbox as somebody outside the shard knows it.
struct MailboxRef {
  Mailbox* mailbox = nullptr;
  Generation generation = 0;
};

/// All mailboxes of a shard, by index, recycled first in first out.
///
/// Role      One per shard.
/// Threads   at(): any thread. acquire, release: the shard's.
/// Bound     As many as users were ever subscribed at once; 192 bytes each.
/// Progress  at() is wait-free; acquire allocates a segment when none is free.
/// Lifetime  Mailboxes stay until the table is destroyed.
class MailboxTable {
 public:
  MailboxTable() = default;
  MailboxTable(const MailboxTable&) = delete;
  MailboxTable& operator=(const MailboxTable&) = delete;
  ~MailboxTable();

  /// `index` must come from a mailbox of this table (directory entries do).
  [[nodiscard]] Mailbox* at(std::uint32_t index) const noexcept;
  /// A closed mailbox, to be opened. Index 0 is never used.
  [[nodiscard]] Mailbox& acquire();
  void release(Mailbox& mailbox) { free_.push_back(&mailbox); }

 private:
  // Segment k holds first_segment << k mailboxes.
  static constexpr unsigned first_segment_bits = 6;
  static constexpr std::size_t segments_max = 32 - first_segment_bits;
  struct Place {
    std::size_t segment;
    std::size_t offset;
  };
  [[nodiscard]] static Place place_of(std::uint32_t index) noexcept;
  [[nodiscard]] static std::size_t bytes_of_segment(std::size_t segment) noexcept {
    return sizeof(Mailbox) << (segment + first_segment_bits);
  }

  std::array<std::atomic<Mailbox*>, segments_max> segments_{};
  std::uint32_t next_index_ = 1;
  std::deque<Mailbox*> free_;  // FIFO: a generation comes round as late as possible
};

}  // namespace carillon::engine::detail
